export default {
  files: ['test/**/*.test.ts'],
  extensions: { ts: 'module' },
  nodeArguments: ['--import=tsx'],
  // Processes, not Workers: tests of exits, signals and the main thread need one, and the others gain nothing from Workers.
  workerThreads: false,
  concurrency: 2,
  timeout: '5m',
};
