import { defineConfig } from 'tsdown';

export default defineConfig({
  // One for each export of the package; what they share lies in files of its own.
  entry: {
    index: 'lib/index.ts',
    plot: 'lib/plot/index.ts',
    report: 'lib/report/index.ts',
    cli: 'lib/cli/main.ts',
  },
  format: ['esm', 'cjs'],
  platform: 'node',
  target: 'node20.17',
  dts: true,
  sourcemap: false,
});
