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

  it('leaves out what its paths hide, and nothing else', () => {
    const [line = ''] = logged(`
      require(${JSON.stringify(join(__dirname, '../../src/telemetry/log'))})
        .createLog('info', ['who', 'client.name', 'fetches.*.instance', 'none.here'])
        .info({ who: 'me', id: 1, client: { name: 'x', kind: 'y' }, fetches: [{ instance: 'i', ms: 2 }, 'text'] }, 'z');`);
    const { level, time, ...fields } = JSON.parse(line);
    expect(fields).toEqual({ id: 1, client: { kind: 'y' }, fetches: [{ ms: 2 }, 'text'], msg: 'z' });
  });

  it('leaves out what is below its level', () => {
    expect(logged(`log.debug({}, 'quiet');`)).toEqual([]);
  });

  it('writes the same line whether its fields are plain or not', () => {
    // A field that is no plain value goes the way through pino; null is the same for both.
    const fields = `id: 'a "b" \\n \\u2028 ž \\ud800', count: 1.5, nan: NaN, yes: true, gone: undefined`;
    const lines = logged(`
      log.warn({ ${fields} }, 'a "message"\\n');
      log.warn({ ${fields}, last: null }, 'a "message"\\n');
      log.error({}, 'nothing');`);
    const time = /"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/;
    expect(lines.every((line) => time.test(line))).toBe(true);
    const [plain, throughPino, nothing] = lines.map((line) => line.replace(time, '"time":0'));
    expect(plain).toBe(throughPino?.replace(',"last":null', ''));
    expect(JSON.parse(plain ?? '')).toMatchObject({ level: 40, count: 1.5, nan: null, yes: true });
    expect(nothing).toBe('{"level":50,"time":0,"msg":"nothing"}');
  });

  it('tells the time of now', () => {
    const before = Date.now();
    const [line = ''] = logged(`log.info({}, 'now');`);
    const { time } = JSON.parse(line) as { time: string };
    expect(Date.parse(time)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(time)).toBeLessThanOrEqual(Date.now());
  });

  it('writes errors, with what caused them', () => {
    const [line = ''] = logged(`log.error({ err: new Error('outer', { cause: new Error('inner') }) }, 'x');`);
    expect(JSON.parse(line).err).toMatchObject({ type: 'Error', message: expect.stringContaining('outer') });
    expect(line).toContain('inner');
  });
});
