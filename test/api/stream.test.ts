/** Training on data that come as they go. Threads: 1, on the smallest of nets. */
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { partsOf } from '../../lib/datasets/dataset.ts';
import { readStream } from '../../lib/datasets/streams/stream.ts';
import {
  adagrad,
  type Dataset,
  dense,
  fromArrays,
  fromStream,
  info,
  type StreamItem,
  sequential,
  Trainer,
} from '../../lib/index.ts';
import { checkError, wrongly } from './errors.ts';

const inputOf = (index: number) => Float32Array.of(Math.sin(index), Math.cos(index * 3));
const labelOf = (index: number) => ((index * 7) % 10 < 4 ? 1 : 0);

async function* samples(count: number) {
  for (let index = 0; index < count; index++) yield { input: inputOf(index), label: labelOf(index) };
}

/** The samples from `first` to `end - 1` as a data set. */
function setOf(first: number, end: number) {
  const places = Array.from({ length: end - first }, (_, place) => first + place);
  return fromArrays({ inputs: places.map(inputOf), inputShape: [2], labels: places.map(labelOf) });
}

function newTrainer() {
  const model = sequential({ inputShape: [2], seed: 1 }, [
    dense({ units: 8, activation: 'tanh' }),
    dense({ units: 2 }),
  ]);
  return new Trainer(model, {
    optimizer: adagrad({ learningRate: 0.1 }),
    loss: 'softmaxCrossEntropy',
    metrics: ['accuracy', 'rocAuc'],
    threads: 1,
  });
}

const streamOf = (source: AsyncIterable<StreamItem> | Iterable<StreamItem>, samplesPerEpoch = 100) =>
  fromStream(source, { inputShape: [2], samplesPerEpoch });

test.serial('each part of a stream is an epoch, as if its samples were a data set', async (t) => {
  const reference = newTrainer();
  const validation = setOf(500, 550);
  const losses: number[] = [];
  for (const [first, end] of [
    [0, 100],
    [100, 200],
    [200, 230],
  ] as const) {
    const { epochs } = await reference.fit(setOf(first, end), { validation });
    losses.push(epochs[0]?.loss ?? 0, epochs[0]?.rocAuc ?? 0, epochs[0]?.validation.loss ?? 0);
  }
  const trainer = newTrainer();
  const history = await trainer.fit(streamOf(samples(230)), { validation });
  t.is(history.reason, 'completed');
  t.deepEqual(
    history.epochs.flatMap(({ loss, rocAuc, validation: judged }) => [loss, rocAuc, judged.loss]),
    losses,
  );
  t.deepEqual(trainer.model.getWeights(), reference.model.getWeights());
});

test.serial('samples, batches of any form, data sets and Node streams give the same', async (t) => {
  const reference = newTrainer();
  await reference.fit(streamOf(samples(200)));
  const forms: Record<string, AsyncIterable<StreamItem> | Iterable<StreamItem>> = {
    nested: Array.from({ length: 200 }, (_, index) => ({
      input: [...inputOf(index)],
      label: labelOf(index),
    })),
    batches: (function* () {
      // One array for all batches: what comes is copied.
      const inputs = new Float32Array(2 * 40);
      for (let first = 0; first < 200; first += 40) {
        const places = Array.from({ length: 40 }, (_, place) => first + place);
        inputs.set(places.flatMap((index) => [...inputOf(index)]));
        yield { inputs, labels: Uint8Array.from(places, labelOf) };
      }
    })(),
    lists: [
      {
        inputs: Array.from({ length: 200 }, (_, index) => [...inputOf(index)]),
        labels: Array.from({ length: 200 }, (_, index) => labelOf(index)),
      },
    ],
    sets: [setOf(0, 100), setOf(100, 200)],
    readable: Readable.from(samples(200)),
  };
  for (const [name, form] of Object.entries(forms)) {
    const trainer = newTrainer();
    const { epochs } = await trainer.fit(streamOf(form));
    t.is(epochs.length, 2, name);
    t.deepEqual(trainer.model.getWeights(), reference.model.getWeights(), name);
  }
});

test.serial('values as labels, and uint8 samples', async (t) => {
  const model = sequential({ inputShape: [1] }, [dense({ units: 1 })]);
  const trainer = new Trainer(model, { optimizer: adagrad({ learningRate: 1 }), loss: 'meanSquaredError' });
  const items = Array.from({ length: 64 }, (_, index) => ({
    input: Uint8Array.of(index % 4),
    label: [2 * (index % 4) + 1],
  }));
  const repeated = (function* () {
    for (let pass = 0; pass < 100; pass++) yield* items;
  })();
  const stream = fromStream(repeated, { inputShape: [1], labelKind: 'values', samplesPerEpoch: 64 });
  const { epochs } = await trainer.fit(stream);
  t.is(epochs.length, 100);
  t.true((epochs.at(-1)?.loss ?? 1) < 0.1);
});

test.serial('the source is read as fast as the run trains, two epochs ahead at most', async (t) => {
  let read = 0;
  const counted = (async function* () {
    for await (const sample of samples(1_000_000)) {
      read++;
      yield sample;
    }
  })();
  const seen: number[] = [];
  const { epochs, reason } = await newTrainer().fit(streamOf(counted), {
    epochs: 5,
    onEpochEnd: async ({ epoch }) => {
      await sleep(5);
      seen.push(read - 100 * epoch);
    },
  });
  t.deepEqual([epochs.length, reason], [5, 'completed']);
  t.true(
    seen.every((ahead) => ahead <= 200),
    `${seen}`,
  );
  t.true(read <= 700, `${read} samples were read`);
});

test.serial('an endless stream is left when the run stops, and told so', async (t) => {
  let isClosed = false;
  const endless = (async function* () {
    try {
      for (let index = 0; ; index++) {
        if (index % 50 === 0) await sleep(0);
        yield { input: inputOf(index), label: labelOf(index) };
      }
    } finally {
      isClosed = true;
    }
  })();
  const run = newTrainer().fit(streamOf(endless), {
    onEpochEnd: ({ epoch }, self) => epoch === 3 && self.stop(),
  });
  t.is((await run).reason, 'stopped');
  await sleep(20);
  t.true(isClosed);
  t.is(info().liveThreads, 0);
});

test.serial(
  'a source that has its next item at hand lets timers have their turn, and ends with the run',
  async (t) => {
    let told: string | undefined;
    function* eager() {
      try {
        // So many in place of an endless loop, which would hang where the test fails.
        for (let index = 0; index < 2_000_000; index++)
          yield { input: inputOf(index), label: labelOf(index) };
        told = 'read to its end';
      } finally {
        told ??= 'given up';
      }
    }
    const run = newTrainer().fit(streamOf(eager(), 2_000_000));
    setImmediate(() => run.stop());
    t.is((await run).epochs.length, 0);
    while (told === undefined) await sleep(1);
    t.is(told, 'given up');
  },
);

test.serial('one that has items without a sample, and no end of them, too', async (t) => {
  let given = 0;
  async function* empties() {
    // So many in place of an endless loop, which would hang where the test fails.
    for (; given < 5_000_000; given++) yield { inputs: [], labels: [] };
  }
  const controller = new AbortController();
  setImmediate(() => controller.abort());
  const { reason, epochs } = await newTrainer().fit(streamOf(empties()), { signal: controller.signal });
  t.deepEqual([reason, epochs.length, given < 5_000_000], ['stopped', 0, true]);
  given = 0;
  t.is((await newTrainer().fit(streamOf(empties()), { maxSeconds: 0.05 })).reason, 'maxSeconds');
  t.true(given < 5_000_000);
  async function* sparse() {
    for (let index = 0; index < 30; index++) {
      yield { inputs: [], labels: [] };
      yield { input: inputOf(index), label: labelOf(index) };
    }
  }
  const trainer = newTrainer();
  await trainer.fit(streamOf(sparse()));
  const reference = newTrainer();
  await reference.fit(setOf(0, 30));
  t.deepEqual(trainer.model.getWeights(), reference.model.getWeights());
});

test.serial('a source that cannot be given up ends the run with what it throws', async (t) => {
  const error = new Error('no end to it');
  const stuck = Object.assign(samples(100), {
    destroy() {
      throw error;
    },
  });
  const trainer = newTrainer();
  await t.throwsAsync(Promise.resolve(trainer.fit(streamOf(stuck))), { is: error });
  t.is((await trainer.fit(setOf(0, 10))).reason, 'completed');
});

test.serial(
  'a source that stalls holds nobody: the run can be stopped, and a Node stream is destroyed',
  async (t) => {
    const stalled = new Readable({ objectMode: true, read: () => {} });
    stalled.push({ input: inputOf(0), label: 0 });
    const run = newTrainer().fit(streamOf(stalled));
    await sleep(20);
    run.stop();
    const { reason, epochs } = await run;
    t.deepEqual([reason, epochs.length], ['stopped', 0]);
    t.true(stalled.destroyed);
  },
);

test.serial(
  'maxSeconds ends a run whose source has stalled, also before its first sample, but none that is paused',
  async (t) => {
    const stalls = async function* (after: number) {
      yield* samples(after);
      await new Promise(() => {});
    };
    // Time enough for 250 samples on a busy machine.
    for (const [after, epochs, maxSeconds] of [
      [250, 2, 3],
      [0, 0, 0.2],
    ] as const) {
      const history = await newTrainer().fit(streamOf(stalls(after)), { maxSeconds });
      t.is(history.reason, 'maxSeconds');
      t.is(history.epochs.length, epochs);
    }
    const run = newTrainer().fit(streamOf(stalls(250)), { maxSeconds: 0.2 });
    let hasEnded = false;
    const ended = run.then((history) => {
      hasEnded = true;
      return history.reason;
    });
    run.pause();
    await sleep(500);
    t.false(hasEnded);
    run.resume();
    t.is(await ended, 'maxSeconds');
    const brief = await newTrainer().fit(streamOf(samples(250)), { maxSeconds: 1e38 });
    t.is(brief.reason, 'completed');
  },
);

test.serial('what the source throws ends the run with that error', async (t) => {
  const error = new Error('the queue is gone');
  const failing = (async function* () {
    yield* samples(150);
    throw error;
  })();
  const trainer = newTrainer();
  const run = trainer.fit(streamOf(failing));
  await t.throwsAsync(Promise.resolve(run), { is: error });
  // The model is free again.
  t.is((await trainer.fit(setOf(0, 10))).reason, 'completed');
});

test.serial('data that do not fit end the run with an error that names the item', async (t) => {
  const fails = async (items: readonly unknown[], message: string | RegExp) => {
    const run = newTrainer().fit(streamOf(items as StreamItem[]));
    await t.throwsAsync(Promise.resolve(run), { message });
  };
  const good = { input: [1, 2], label: 1 };
  await fails(
    [good, { input: Float32Array.of(1), label: 1 }],
    'fit: item 1 of the stream has 1 values, and samples have shape [2]',
  );
  await fails(
    [good, 7],
    'fit: item 1 of the stream must be a sample { input, label }, a batch { inputs, labels } or a Dataset, got 7',
  );
  await fails(
    [{ inputs: [[1, 2]], labels: [1, 0] }],
    'fit: item 0 of the stream has 2 labels for 1 samples of 2 values',
  );
  await fails(
    [{ input: Uint8Array.of(1, 2), label: 0 }, good],
    'fit: item 1 of the stream is a Float32Array among samples of Uint8Array',
  );
  await fails([{ input: [1, Number.NaN], label: 0 }], /item 0 of the stream: input/);
  await fails(
    [good, { input: Float32Array.of(1, Number.NaN), label: 0 }],
    'fit: item 1 of the stream: input must be finite float32 numbers, but value 1 of sample 0 is NaN; mend or drop such samples',
  );
  await fails(
    [{ input: Int32Array.of(3, -1), label: 0 }],
    /^fit: item 0 of the stream: input must be ids, .* but value 1 of sample 0 is -1$/,
  );
  await fails([setOf(0, 3), { input: [1, 2], label: 5 }], /in part 2 of the stream sample 0 has class 5/);
  await fails([setOf(0, 3), { input: [1, 2], label: 0.5 }], /fit: part 1 of the stream: labels\[0\] must be/);
  t.is(info().liveThreads, 0);
});

test.serial('samples are copied, also out of a Buffer that the source uses again', async (t) => {
  function* reused() {
    const buffer = Buffer.alloc(2);
    for (let i = 0; i < 40; i++) {
      buffer.set([i, 2 * i]);
      yield { input: buffer, label: i % 2 };
    }
  }
  const fresh = () =>
    Array.from({ length: 40 }, (_, i) => ({ input: Uint8Array.of(i, 2 * i), label: i % 2 }));
  const weights = await Promise.all(
    [reused(), fresh()].map(async (source) => {
      const trainer = newTrainer();
      await trainer.fit(fromStream(source, { inputShape: [2], samplesPerEpoch: 16 }));
      return Object.values(trainer.model.getWeights()).map(({ data }) => data);
    }),
  );
  t.deepEqual(weights[0], weights[1]);
});

test.serial(
  'a part keeps its samples while the next ones are read, and has memory for no more than them',
  async (t) => {
    const parts: Dataset[] = [];
    for await (const part of readStream(streamOf(samples(250)), 'fit')) parts.push(part);
    for (const [place, [first, end]] of [
      [0, 100],
      [100, 200],
      [200, 250],
    ].entries()) {
      const part = parts[place] as Dataset;
      const expected = setOf(first as number, end as number);
      t.deepEqual(
        Array.from({ length: part.length }, (_, row) => part.at(row)),
        Array.from({ length: expected.length }, (_, row) => expected.at(row)),
      );
      const { inputs } = partsOf(part);
      t.is((inputs as Float32Array).buffer.byteLength, 100 * 2 * 4);
    }
  },
);

test.serial('a stream is read once, and its kind is checked before', async (t) => {
  const stream = streamOf(samples(10));
  await newTrainer().fit(stream);
  await t.throwsAsync(Promise.resolve(newTrainer().fit(stream)), {
    message: 'fit: the stream was read already; make another one',
  });
  const trainer = newTrainer();
  await checkError(t, 'SHAPE_MISMATCH', [
    () => trainer.fit(wrongly(fromStream([], { inputShape: [3] }))),
    'fit: the stream has samples of shape [3], the model takes [2]',
  ]);
  await checkError(t, 'INVALID_DATA', [
    () => trainer.fit(wrongly(fromStream([], { inputShape: [2], labelKind: 'values' }))),
    'fit: softmaxCrossEntropy takes labels of kind "class", the stream has "values"',
  ]);
  await checkError(t, 'INVALID_OPTION', [
    () => fromStream(wrongly(7), { inputShape: [2] }),
    'fromStream: source must be an async iterable, an iterable or a Node stream of samples, batches or data sets, got 7',
  ]);
  t.is((await trainer.fit(streamOf([]))).epochs.length, 0);
});
