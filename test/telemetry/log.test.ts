import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Real: pino in a process of its own. Observed: what it has written to standard output when it has ended. */
function logged(code: string): string[] {
  const program = `const { createLog } = require(${JSON.stringify(join(__dirname, '../../src/telemetry/log'))}); const log = createLog('info'); ${code}`;
  const output = execFileSync(process.execPath, ['--require', require.resolve('tsx/cjs'), '-e', program], {
    encoding: 'utf8',
  });
  return output.split('\n').filter((line) => line !== '');
}

describe('the log', () => {
  it('writes one JSON object a line, all of them before the process ends', () => {
    const lines = logged(`for (let i = 0; i < 500; i++) log.info({ i }, 'line'); process.exit(3 - 3);`);
    expect(lines.map((line) => JSON.parse(line).i)).toEqual(Array.from({ length: 500 }, (_, i) => i));
  });

  it('never writes credentials, wherever they stand', () => {
    const lines = logged(
      `log.info({ id: 'a', token: 'SECRET', request: { authorization: 'SECRET', path: '/' }, headers: { cookie: 'SECRET' } }, 'x');`,
    );
    expect(lines.join()).not.toContain('SECRET');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ id: 'a', request: { path: '/' }, msg: 'x' });
  });

  it('leaves out what is below its level', () => {
    expect(logged(`log.debug({}, 'quiet');`)).toEqual([]);
  });
});
