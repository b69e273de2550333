import { type Command, commandHelp, generalHelp, readArguments, UsageError } from '../../src/config/command-line';

// Real: the reading of words. Given: a command that does nothing.
const paint: Command = {
  summary: 'Paint a wall.',
  positional: { name: 'WALL', help: 'which one' },
  options: {
    colour: { type: 'string', short: 'c', value: 'NAME', help: 'what to use' },
    dry: { type: 'boolean', help: 'only say so' },
  },
  details: 'It dries in an hour.',
  run: () => 0,
};

function read(...args: string[]) {
  const { positional, text, flag } = readArguments('paint', paint, args);
  return { positional, colour: text('colour'), dry: flag('dry') };
}

describe('arguments', () => {
  it.each([
    [['north'], { positional: 'north', colour: undefined, dry: false }],
    [['--colour', 'red', 'north', '--dry'], { positional: 'north', colour: 'red', dry: true }],
    [['--colour=red'], { positional: undefined, colour: 'red', dry: false }],
    [['-c', 'red'], { positional: undefined, colour: 'red', dry: false }],
    [['--', '--north'], { positional: '--north', colour: undefined, dry: false }],
  ])('%j are read', (args, expected) => {
    expect(read(...args)).toEqual(expected);
  });

  it.each([
    [['--color', 'red'], 'paint: unknown option "--color"; did you mean "--colour"?'],
    [['--shine'], 'paint: unknown option "--shine"'],
    [['-x'], 'paint: unknown option "-x"'],
    [['--constructor'], 'paint: unknown option "--constructor"'],
    [['north', 'south'], 'paint: unexpected argument "south"'],
  ])('%j are refused', (args, message) => {
    expect(() => read(...args)).toThrow(new UsageError(message));
  });

  it.each([[['--colour']], [['--colour', '--dry']], [['--dry=yes']]])('%j are refused, naming the option', (args) => {
    expect(() => read(...args)).toThrow(/^paint: Option '(-c, )?--(colour|dry)/);
  });

  it('are none for a command that takes none', () => {
    const { positional: _, ...alone } = paint;
    expect(() => readArguments('paint', alone, ['north'])).toThrow('unexpected argument "north"');
  });
});

describe('help', () => {
  it('of a command names its arguments, options and details', () => {
    expect(commandHelp('paint', paint)).toBe(
      [
        'Paint a wall.',
        '',
        'Usage: supergate paint [WALL] [OPTIONS]',
        '',
        '  WALL               which one',
        '  -c, --colour NAME  what to use',
        '  --dry              only say so',
        '  -h, --help         print this',
        '',
        'It dries in an hour.',
      ].join('\n'),
    );
  });

  it('in general names every command', () => {
    expect(generalHelp({ paint })).toContain('  paint  Paint a wall.');
  });
});
