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

test('freeze names some of the taken layers; the others train', async (t) => {
  const train = (await digits()).take(100);
  const model = sequential({ inputShape: [8, 8, 1] }, [
    conv2d({ filters: 2, kernelSize: 3 }),
    flatten(),
    dense({ units: 6, activation: 'tanh' }),
    dense({ units: 10 }),
  ]);
  const fork = model.fork({ freeze: ['conv2d_1', 'dense_2'] });
  await new Trainer(fork, { optimizer: adagrad(), loss: 'softmaxCrossEntropy', threads: 1 }).fit(train);
  const [before, after] = [model.getWeights(), fork.getWeights()];
  const kept = Object.keys(before).filter((name) =>
    after[name]?.data.every((value, i) => value === before[name]?.data[i]),
  );
  t.deepEqual(kept, ['conv2d_1.weight', 'conv2d_1.bias', 'dense_2.weight', 'dense_2.bias']);
});
