/**
 * Lets each allocation of the addon fail in turn, in what users do with it: `failing-new.ts <folder> <shim> <longest>`,
 * where `shim` is failing-new.cc, built and loaded before the process. Some `longest` allocations of each task are tried,
 * spread over all. Writes lines as `Tally.hear` takes them.
 */
import { writeSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import {
  accuracy,
  adagrad,
  batchNorm,
  conv2d,
  cosineDecay,
  customLoss,
  dense,
  dropout,
  embeddingBag,
  flatten,
  fromArrays,
  fromSparse,
  fromStream,
  GradloomError,
  glove,
  loadModel,
  type Model,
  npy,
  sequential,
  shampoo,
  Trainer,
  word2vec,
  writeNpy,
} from '../../../lib/index.ts';
import { hashOf } from '../nets.ts';
import { collectGarbage } from '../promise.ts';

interface Shim {
  arm(nth: number, allBehind: boolean): void;
  disarm(): number;
  countLive(): number;
}

const [folder = '', path = '', longest = '0'] = process.argv.slice(2);
const shim = createRequire(import.meta.url)(path) as Shim;
const file = (name: string) => join(folder, name);

/** What is done while allocations fail, and what there is to show for it: the same each time, also behind a failure. */
interface Task {
  readonly name: string;
  /** Makes what the task works on. */
  make(): Promise<() => Promise<unknown>>;
}

const COUNT = 30;
const values = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i));
const labels = Int32Array.from({ length: COUNT }, (_, i) => i % 3);
const images = fromArrays({ inputs: values(COUNT * 48), inputShape: [4, 4, 3], labels });
const lists = fromSparse({
  inputShape: [40],
  samples: Array.from({ length: COUNT }, (_, i) => [i, (i * 7) % 40]),
  labels,
});
await writeNpy(file('x.npy'), { shape: [COUNT, 4, 4, 3], data: values(COUNT * 48) });
await writeNpy(file('y.npy'), { shape: [COUNT], data: labels });
// Enough of them for jobs of two threads.
await writeNpy(file('large.npy'), { shape: [COUNT, 24, 24, 3], data: values(COUNT * 1728) });
const mappedLarge = () => npy({ inputs: file('large.npy'), labels: file('y.npy'), memory: 'map' });
const mapped = () => npy({ inputs: file('x.npy'), labels: file('y.npy'), memory: 'map' });

const convnet = () =>
  sequential({ inputShape: [4, 4, 3], seed: 1 }, [
    conv2d({ filters: 4, kernelSize: 3, padding: 'same', activation: 'relu' }),
    batchNorm(),
    flatten(),
    dropout({ rate: 0.2 }),
    dense({ units: 3 }),
  ]);
const large = () =>
  sequential({ inputShape: [24, 24, 3], seed: 1 }, [
    flatten(),
    dense({ units: 16, activation: 'relu' }),
    dense({ units: 3 }),
  ]);
const bag = () =>
  sequential({ inputShape: [40], seed: 1 }, [embeddingBag({ units: 4 }), dense({ units: 3 })]);
const trainerOf = (model: Model, more: object = {}) =>
  new Trainer(model, {
    optimizer: adagrad({ learningRate: cosineDecay({ from: 0.1, steps: 10 }) }),
    loss: 'softmaxCrossEntropy',
    metrics: [accuracy(), 'rocAuc'],
    threads: 2,
    ...more,
  } as never) as Trainer<never, never>;
const own = customLoss({
  name: 'squares',
  labels: 'class',
  loss: (outputs: Float32Array) => ({
    value: outputs.reduce((sum, y) => sum + y * y, 0),
    gradient: outputs.map((y) => 2 * y),
  }),
} as never);

/** Trains from the same weights each time and gives the hash of what comes of it. */
function fitTask(
  name: string,
  model: () => Model,
  train: (trainer: never) => PromiseLike<unknown>,
  more?: object,
): Task {
  return {
    name,
    async make() {
      const made = model();
      const trainer = trainerOf(made, more);
      const start = made.getWeights();
      return async () => {
        made.setWeights(start);
        trainer.reset();
        await train(trainer as never);
        return hashOf(made);
      };
    },
  };
}

const tasks: readonly Task[] = [
  {
    name: 'make a model and a trainer',
    make: async () => async () => {
      trainerOf(convnet());
      trainerOf(bag());
    },
  },
  {
    name: 'save and load a model',
    async make() {
      const model = convnet();
      return async () => {
        await model.save(file('model.safetensors'));
        return hashOf(await loadModel(file('model.safetensors')));
      };
    },
  },
  {
    name: 'save and load a trainer',
    async make() {
      const trainer = trainerOf(bag());
      await trainer.fit(lists as never, { epochs: 1 });
      return async () => {
        await trainer.save(file('trainer.safetensors'));
        return hashOf((await Trainer.load(file('trainer.safetensors'))).model);
      };
    },
  },
  fitTask('fit', convnet, (trainer: Trainer<never, never>) =>
    trainer.fit(images as never, {
      epochs: 3,
      batchSize: 12,
      validation: images as never,
      checkpoint: { folder: file('checkpoints'), everySteps: 2 },
      earlyStopping: { monitor: 'loss', patience: 5, restoreBest: true },
      batchInterval: 0,
      onBatchEnd: () => {},
      onEpochEnd: () => {},
      inspect: { everySteps: 2, onStep: () => {} },
    }),
  ),
  fitTask('fit a table', bag, (trainer: Trainer<never, never>) =>
    trainer.fit(lists as never, { epochs: 2, batchSize: 12 }),
  ),
  // Guards of mapped files are used again, so what is kept for good are those of the most files at once.
  fitTask('fit mapped files', convnet, async (trainer: Trainer<never, never>) =>
    trainer.fit((await mapped()) as never, { epochs: 2, batchSize: 12 }),
  ),
  fitTask(
    'fit changed images of mapped files',
    large,
    async (trainer: Trainer<never, never>) =>
      trainer.fit((await mappedLarge()) as never, {
        epochs: 2,
        batchSize: COUNT,
        augment: { flip: 'horizontal', shift: 2 },
      }),
    { optimizer: shampoo({ learningRate: 0.01, blockSize: 16 }) },
  ),
  fitTask('fit a stream', convnet, (trainer: Trainer<never, never>) =>
    trainer.fit(fromStream([images, images], { inputShape: [4, 4, 3] }) as never, { batchSize: 12 }),
  ),
  fitTask(
    'fit with a loss of JavaScript',
    convnet,
    (trainer: Trainer<never, never>) => trainer.fit(images as never, { epochs: 2, batchSize: 12 }),
    { loss: own, metrics: [] },
  ),
  fitTask('single steps', convnet, async (trainer: Trainer<never, never>) => {
    for (let step = 0; step < 3; step++) trainer.trainStep(values(COUNT * 48) as never, labels as never);
  }),
  {
    name: 'predict, evaluate and differentiate',
    async make() {
      const model = convnet();
      const trainer = trainerOf(model);
      return async () => [
        (await model.predict(images)).data,
        model.predictSync(images).data,
        await trainer.evaluate(images as never),
        (await model.gradient(images, { of: 'loss', loss: 'softmaxCrossEntropy' } as never)).data,
      ];
    },
  },
  {
    name: 'word vectors',
    make: async () => async () => {
      const texts = ['a b c d e f', 'b c d a f e', 'c a b f e d'];
      const options = { units: 4, minCount: 1, epochs: 2, threads: 2 } as const;
      const made = [await glove(texts, options), await word2vec(texts, options)];
      return made.map((vectors) => [...(vectors.get('a') ?? [])]);
    },
  },
];

let trials = 0;
let survived = 0;
const faults = new Set<string>();
const say = (name: string, fault: string) => {
  if (faults.has(`${name} ${fault}`)) return;
  faults.add(`${name} ${fault}`);
  writeSync(1, `failed ${JSON.stringify(`${name}: ${fault}`)}\n`);
};
const text = (value: unknown) =>
  JSON.stringify(value, (_, part) => (part instanceof Float32Array ? [...part] : part));

interface Outcome {
  readonly result?: string;
  readonly error?: unknown;
}

async function outcomeOf(act: () => Promise<unknown>): Promise<Outcome> {
  const late = setTimeout(() => {
    say('a task', `does not end: ${current}`);
    process.exit(1);
  }, 20_000);
  try {
    return { result: text(await act()) };
  } catch (error) {
    return { error };
  } finally {
    clearTimeout(late);
    await rm(file('checkpoints'), { recursive: true, force: true });
  }
}

let current = '';
process.on('uncaughtException', (error) => say(current, `uncaught ${error.stack}`));

/** Returns whether there was an allocation to fail. */
async function tryOne(
  name: string,
  act: () => Promise<unknown>,
  expected: Outcome,
  nth: number,
  behind: boolean,
) {
  current = `${name}, allocation ${nth}${behind ? ' and all behind it' : ''}`;
  shim.arm(nth, behind);
  const outcome = await outcomeOf(act);
  const failed = shim.disarm();
  if (failed === 0) return false;
  trials++;
  if (outcome.error === undefined) {
    survived++;
    if (outcome.result !== expected.result) say(name, `another result, ${current}`);
  } else if (!(outcome.error instanceof GradloomError) || outcome.error.code !== 'OUT_OF_MEMORY') {
    const { stack, code } = outcome.error as Error & { code?: string };
    say(name, `${code} ${stack}`);
  }
  const again = await outcomeOf(act);
  if (again.result !== expected.result) {
    say(
      name,
      `does not work any more, ${current}: ${(again.error as Error | undefined)?.stack ?? 'another result'}`,
    );
  }
  return true;
}

async function tryTask({ name, make }: Task): Promise<void> {
  const act = await make();
  const expected = await outcomeOf(act);
  if (expected.error !== undefined) throw expected.error;
  // How many there are, by letting one fail that is far behind.
  let last = 1;
  while (await tryOne(name, act, expected, last, false)) last *= 2;
  const stride = Math.max(1, Math.floor(last / Number(longest)));
  for (const behind of [false, true]) {
    for (let nth = 0; await tryOne(name, act, expected, nth, behind); ) nth += stride;
  }
}

async function countLive(): Promise<number> {
  for (let round = 0; round < 2; round++) await collectGarbage();
  return shim.countLive();
}

await Promise.all(Array.from({ length: 1000 }, mapped));
for (const task of tasks) {
  shim.arm(-1, false);
  await tryOne(task.name, await task.make(), {}, 1e9, false); // what the process keeps for good
  const before = await countLive();
  const done = trials;
  await tryTask(task);
  writeSync(1, `tried ${trials - done}\n`);
  const after = await countLive();
  // Each of hundreds of failures would leave something.
  if (after > before + 20)
    say(task.name, `${after - before} allocations of ${trials - done} failures were not freed`);
}
const left = (await readdir(folder)).filter((name) => name.endsWith('.tmp'));
if (left.length > 0) say('files', `temporary files are left: ${left}`);
writeSync(1, `survived ${survived}\n`);
process.exit(0);
