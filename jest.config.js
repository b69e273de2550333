/** @type {import('jest').Config} */
module.exports = {
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testEnvironment: 'node',
  // Planner threads, databases and browsers start slowly on a machine that does more than this.
  testTimeout: 60_000,
  transform: {
    '\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/bench/'],
  resolver: '<rootDir>/test/support/resolve.cjs',
  // Jest leaves one core free, which is half of two: the slow suites mostly wait for processes and timers.
  maxWorkers: '100%',
};
