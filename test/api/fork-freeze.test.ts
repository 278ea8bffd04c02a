import test from 'ava';
import {
  adagrad,
  batchNorm,
  conv2d,
  dense,
  digits,
  flatten,
  relu,
  residual,
  sequential,
  Trainer,
} from '../../lib/index.ts';

test('frozen layers of a fork keep every weight and statistic, also inside of blocks; the new ones train', async (t) => {
  const train = (await digits()).take(200);
  const same = () => conv2d({ filters: 4, kernelSize: 3, padding: 'same' });
  const model = sequential({ inputShape: [8, 8, 1] }, [
    same(),
    residual([same(), batchNorm()], { shortcut: [same()] }),
    relu(),
    flatten(),
    dense({ units: 10 }),
  ]);
  const trainOnce = (trained: typeof model) =>
    new Trainer(trained, { optimizer: adagrad(), loss: 'softmaxCrossEntropy', threads: 2 }).fit(train, {
      epochs: 1,
    });
  await trainOnce(model);
  const fork = model.fork({ last: 'flatten_1', freeze: true }, [dense({ units: 10 })]);
  const { 'dense_1.weight': head, 'dense_1.bias': bias, ...taken } = model.getWeights();
  await trainOnce(fork as typeof model);
  const { 'dense_1.weight': newHead, 'dense_1.bias': newBias, ...kept } = fork.getWeights();
  t.is(Object.keys(taken).length, 10);
  t.deepEqual(kept, taken);
  t.notDeepEqual(newHead, head);
  t.notDeepEqual(newBias, bias);
});
