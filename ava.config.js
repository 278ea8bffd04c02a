export default {
  files: ['test/**/*.test.ts'],
  extensions: { ts: 'module' },
  nodeArguments: ['--import=tsx'],
  // Processes, not Workers: tests of exits, signals and the main thread need one, and the others gain nothing from Workers.
  workerThreads: false,
  concurrency: 2,
  // Long enough for the packaging test's builds. A `t.timeout` of one test would not lengthen this but switch it off: ava starts
  // no second timer after one that ran out meanwhile.
  timeout: '20m',
};
