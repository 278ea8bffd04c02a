/** Checkpoints of runs over streams, and runs that go on from them. Threads: 1, on the smallest of nets. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  adagrad,
  dense,
  dropout,
  type EpochRecord,
  fromArrays,
  fromStream,
  type StreamItem,
  sequential,
  Trainer,
} from '../../lib/index.ts';

/** Three parts of 100 samples, one of 40. */
const COUNT = 340;
const inputOf = (index: number) => Float32Array.of(Math.sin(index), Math.cos(index * 3));
const labelOf = (index: number) => ((index * 7) % 10 < 4 ? 1 : 0);

async function* samples(count = COUNT) {
  for (let index = 0; index < count; index++) yield { input: inputOf(index), label: labelOf(index) };
}

const streamOf = (
  source: AsyncIterable<StreamItem> | Iterable<StreamItem> = samples(),
  samplesPerEpoch = 100,
) => fromStream(source, { inputShape: [2], samplesPerEpoch });

const places = Array.from({ length: 50 }, (_, place) => 1000 + place);
const validation = fromArrays({ inputs: places.map(inputOf), inputShape: [2], labels: places.map(labelOf) });

function newTrainer() {
  const model = sequential({ inputShape: [2], seed: 1 }, [
    dense({ units: 8, activation: 'tanh' }),
    dropout({ rate: 0.2 }),
    dense({ units: 2 }),
  ]);
  return new Trainer(model, {
    optimizer: adagrad({ learningRate: 0.1 }),
    loss: 'softmaxCrossEntropy',
    metrics: ['accuracy', 'rocAuc'],
    seed: 3,
    threads: 1,
  });
}

async function newFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gradloom-stream-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

/** What has to be equal: clocks and memory are not. */
function figuresOf(epochs: readonly EpochRecord[]): unknown[] {
  return epochs.map(({ seconds, validationSeconds, samplesPerSecond, peakMemory, ...figures }) => figures);
}

test('a run goes on from any step of any part with the bits that it would have had', async (t) => {
  const options = {
    batchSize: 30,
    validation,
    earlyStopping: { monitor: 'validation.loss', patience: 9, restoreBest: true },
  };
  const reference = newTrainer();
  const { epochs } = await reference.fit(streamOf(), options);
  t.is(epochs.length, 4);
  // Four steps a part and two in the last one.
  for (let steps = 1; steps <= 14; steps++) {
    const folder = await newFolder(t);
    const cut = await newTrainer().fit(streamOf(), { ...options, checkpoint: { folder }, maxSteps: steps });
    t.is(cut.reason, steps < 14 ? 'maxSteps' : 'completed');
    const { trainer, run } = await Trainer.resume(folder, streamOf(), { validation, maxSteps: 1000 });
    const history = await run;
    t.is(history.reason, 'completed');
    t.deepEqual(figuresOf(history.epochs), figuresOf(epochs), `${steps} steps`);
    t.deepEqual(trainer.model.getWeights(), reference.model.getWeights(), `${steps} steps`);
  }
});

test('a stream that has grown is gone on with, also by a bound that is raised', async (t) => {
  const reference = newTrainer();
  await reference.fit(streamOf(samples(700)), { epochs: 6 });
  const [grown, bounded] = [await newFolder(t), await newFolder(t)];
  await newTrainer().fit(streamOf(samples(300)), { checkpoint: { folder: grown } });
  const first = await Trainer.resume(grown, streamOf(samples(600)));
  t.is((await first.run).epochs.length, 6);
  t.deepEqual(first.trainer.model.getWeights(), reference.model.getWeights());
  await newTrainer().fit(streamOf(samples(700)), { epochs: 3, checkpoint: { folder: bounded } });
  // It had ended: nothing is read.
  const unread = streamOf();
  t.is((await (await Trainer.resume(bounded, unread)).run).epochs.length, 3);
  const second = await Trainer.resume(bounded, streamOf(samples(700)), { epochs: 6 });
  t.is((await second.run).epochs.length, 6);
  t.deepEqual(second.trainer.model.getWeights(), reference.model.getWeights());
});

test('another stream is refused before a step is made, also in the midst of an epoch', async (t) => {
  const [between, within] = [await newFolder(t), await newFolder(t)];
  await newTrainer().fit(streamOf(), { epochs: 2, checkpoint: { folder: between } });
  await newTrainer().fit(streamOf(), { maxSteps: 5, checkpoint: { folder: within } });
  const other = (wrong: number) =>
    (async function* () {
      for await (const { input, label } of samples()) yield { input: input.map((x) => x + wrong), label };
    })();
  const gives =
    "Trainer.resume: the stream gives other samples, which the run's did not; give the same samples from their beginning, in the same parts";
  for (const folder of [between, within]) {
    const before = (await readdir(folder)).sort();
    const fails = async (stream: ReturnType<typeof streamOf>, message: string) => {
      const { trainer, run } = await Trainer.resume(folder, stream, { epochs: 9 });
      const weights = trainer.model.getWeights();
      await t.throwsAsync(Promise.resolve(run), { code: 'INVALID_DATA', message });
      t.deepEqual(trainer.model.getWeights(), weights);
      t.deepEqual((await readdir(folder)).sort(), before);
    };
    await fails(streamOf(other(1e-3)), gives);
    await fails(streamOf(samples(), 90), gives);
    await fails(
      streamOf(samples(60)),
      "Trainer.resume: the stream ended after 1 epochs, which the run's did not; give the same samples from their beginning, in the same parts",
    );
  }
});

test('sets and streams are told apart, and what the source throws is the error of the run', async (t) => {
  const [stream, set] = [await newFolder(t), await newFolder(t)];
  await newTrainer().fit(streamOf(), { checkpoint: { folder: stream } });
  await newTrainer().fit(validation, { checkpoint: { folder: set } });
  await t.throwsAsync(Trainer.resume(stream, validation), {
    code: 'INVALID_DATA',
    message:
      'Trainer.resume: the run was over a stream; give one with the same samples from their beginning, fromStream(...)',
  });
  await t.throwsAsync(Trainer.resume(set, streamOf()), {
    code: 'INVALID_DATA',
    message: 'Trainer.resume: the run was over a data set; give it in place of a stream',
  });
  const error = new Error('the queue is gone');
  const failing = (async function* () {
    yield* samples(150);
    throw error;
  })();
  const { run } = await Trainer.resume(stream, streamOf(failing), { epochs: 9 });
  await t.throwsAsync(Promise.resolve(run), { is: error });
});
