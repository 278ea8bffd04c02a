/** `memoryLimit`: the bytes that it counts, and who is held to it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import {
  adagrad,
  dense,
  fromArrays,
  fromStream,
  GradloomError,
  sequential,
  sgd,
  Trainer,
  type TrainerOptions,
} from '../../lib/index.ts';
import { checkError, testErrors, wrongly } from './errors.ts';

const BATCH = 16;
const data = fromArrays({
  inputs: Float32Array.from({ length: 2 * BATCH * 3 }, (_, i) => Math.sin(i * i)),
  inputShape: [3],
  labels: Float32Array.from({ length: 2 * BATCH * 2 }, (_, i) => Math.cos(i)),
  labelShape: [2],
});
const FIT = { batchSize: BATCH, progress: 'none' } as const;

const makeModel = () =>
  sequential({ inputShape: [3], seed: 4 }, [dense({ units: 5, activation: 'tanh' }), dense({ units: 2 })]);

function makeTrainer(options: Partial<TrainerOptions> = {}) {
  return new Trainer(makeModel(), { optimizer: sgd(), threads: 1, ...options, loss: 'meanSquaredError' });
}

/** What a refusal says of bytes: all, those of weights, of the optimizer, of steps, the limit. */
async function refusedBytes(use: () => unknown): Promise<readonly number[]> {
  try {
    await use();
  } catch (error) {
    if (error instanceof GradloomError && error.code === 'MEMORY_LIMIT') {
      return (error.message.match(/\d+/g) ?? []).map(Number);
    }
    throw error;
  }
  throw new Error('nothing was refused');
}

/** Of the model: in storage, and of AdaGrad's state. */
const WEIGHTS = 256;
const STATE = 128;

/** What a run over batches of `BATCH` takes beside them. */
async function bytesOfSteps(): Promise<number> {
  const [, , , steps = 0] = await refusedBytes(() => makeTrainer({ memoryLimit: WEIGHTS }).fit(data, FIT));
  return steps;
}

test('weights, state and workspace are counted, the last as plan says it', async (t) => {
  t.deepEqual(await refusedBytes(() => makeTrainer({ memoryLimit: 1 })), [WEIGHTS, WEIGHTS, 0, 0, 1]);
  const adaptive = () => makeTrainer({ optimizer: adagrad(), memoryLimit: 1 });
  t.deepEqual(await refusedBytes(adaptive), [WEIGHTS + STATE, WEIGHTS, STATE, 0, 1]);

  const trainer = makeTrainer({ memoryLimit: WEIGHTS });
  const { workspaceBytes } = trainer.model.plan({ batchSize: BATCH, threads: 1 });
  const steps = workspaceBytes + 4 * BATCH * 2; // and the targets of a batch
  const message =
    `training would take ${WEIGHTS + steps} bytes (weights ${WEIGHTS}, optimizer 0, steps ${steps}), above memoryLimit ${WEIGHTS}; ` +
    'a smaller batchSize takes less';
  await checkError(t, 'MEMORY_LIMIT', [() => trainer.fit(data, FIT), message]);
});

test('a run within its limit has the bits of one without, and one above it changes nothing', async (t) => {
  const limited = makeTrainer({ memoryLimit: WEIGHTS + (await bytesOfSteps()) });
  const before = limited.model.getWeights();
  await refusedBytes(() => limited.fit(data, { ...FIT, batchSize: BATCH + 1 }));
  t.deepEqual(limited.model.getWeights(), before);
  const free = makeTrainer();
  await limited.fit(data, { ...FIT, epochs: 3 });
  await free.fit(data, { ...FIT, epochs: 3 });
  t.deepEqual(limited.model.getWeights(), free.model.getWeights());
});

test('trainStep lets go of the shapes of other batches before it refuses one', async (t) => {
  const steps = await bytesOfSteps();
  const trainer = makeTrainer({ memoryLimit: WEIGHTS + steps });
  const step = (count: number) =>
    trainer.trainStep(new Float32Array(count * 3).fill(1), new Float32Array(count * 2));
  for (const count of [16, 8, 9, 16, 1]) t.true(Number.isFinite(step(count)));
  const [all = 0, , , needed = 0] = await refusedBytes(() => step(64));
  t.is(all, WEIGHTS + needed);
  t.true(needed > steps);
  t.true(Number.isFinite(step(16)));
});

test('a stream is held to it part by part', async (t) => {
  const parts = async function* () {
    yield data;
    yield data.take(BATCH + 9);
  };
  const steps = await bytesOfSteps();
  const trainer = makeTrainer({ memoryLimit: WEIGHTS + steps });
  const stream = fromStream(parts(), {
    inputShape: [3],
    labelKind: 'values',
    samplesPerEpoch: 2 * BATCH,
  });
  const seen: number[] = [];
  const run = trainer.fit(stream, { ...FIT, onEpochEnd: ({ epoch }) => void seen.push(epoch) });
  t.is((await refusedBytes(() => run))[4], WEIGHTS + steps);
  t.deepEqual(seen, [1]);
});

test('load and resume take a limit of their own', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'gradloom-limit-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const trainer = makeTrainer({ optimizer: adagrad() });
  await trainer.fit(data, { ...FIT, checkpoint: { folder, everyEpochs: 1 } });
  const file = join(folder, 'trainer.safetensors');
  await trainer.save(file);
  const needed = WEIGHTS + STATE;
  t.is((await refusedBytes(() => Trainer.load(file, { memoryLimit: needed - 1 })))[0], needed);
  t.is((await Trainer.load(file, { memoryLimit: needed })).getOptimizerState().steps, 2);
  rmSync(file);
  t.is((await refusedBytes(() => Trainer.resume(folder, data, { memoryLimit: needed - 1 })))[0], needed);
});

testErrors(test, 'INVALID_OPTION', [
  [
    () => makeTrainer({ memoryLimit: wrongly('1 GB') }),
    'Trainer: memoryLimit must be an integer of at least 1, got "1 GB"',
  ],
  [() => makeTrainer({ memoryLimit: 0 }), 'Trainer: memoryLimit must be an integer of at least 1, got 0'],
]);
