import test from 'ava';
import { runProgram } from './run-program.ts';

test.serial('memory is flat over 10,000 steps and over 1,000 models made and dropped', async (t) => {
  const { code, stdout, stderr } = await runProgram('memory', [10_000, 1000], ['--expose-gc']);
  t.is(code, 0, stderr);
  const { rssBefore, rssAfterSteps, rssAfterModels, nativeGrowth } = JSON.parse(stdout);
  t.true(rssAfterSteps - rssBefore < 10, `10,000 steps: ${rssBefore} MiB before, ${rssAfterSteps} after`);
  // 1,000 models are 300 MB of weights.
  t.true(
    rssAfterModels - rssAfterSteps < 40,
    `1,000 models: ${rssAfterSteps} MiB before, ${rssAfterModels} after`,
  );
  t.true(nativeGrowth < 2 ** 20, `${nativeGrowth} bytes of native memory were not freed`);
});
