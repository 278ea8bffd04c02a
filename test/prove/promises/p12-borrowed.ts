import { setImmediate as turn } from 'node:timers/promises';
import {
  adagrad,
  type Dataset,
  dense,
  embedding,
  flatten,
  fromArrays,
  GradloomError,
  info,
  type Shape,
  sequential,
  Trainer,
} from '../../../lib/index.ts';
import { hashOf } from '../nets.ts';
import { collectGarbage, type PromiseProof, randomIntegers } from '../promise.ts';

const SAMPLES = 400;
const SIZE = 24;
const EPOCHS = 12;

interface Detachable extends ArrayBuffer {
  transfer?(): ArrayBuffer;
}

/** Ways to take a buffer's memory away from its arrays. */
const DETACH: Readonly<Record<string, (buffer: Detachable) => unknown>> = {
  structuredClone: (buffer) => structuredClone(buffer, { transfer: [buffer] }),
  postMessage: (buffer) => {
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(buffer, [buffer]);
    port1.close();
    port2.close();
  },
  reader: async (buffer) => {
    const stream = new ReadableStream({ type: 'bytes', pull: ({ byobRequest }) => byobRequest?.respond(1) });
    await stream.getReader({ mode: 'byob' }).read(new Uint8Array(buffer));
  },
  transfer: (buffer) => buffer.transfer?.() ?? structuredClone(buffer, { transfer: [buffer] }),
};

/** Of a later ECMAScript than the types know. */
const resizable = (bytes: number): ArrayBuffer =>
  Reflect.construct(ArrayBuffer, [bytes, { maxByteLength: 2 * bytes }]);

const values = () => Float32Array.from({ length: SAMPLES * SIZE }, (_, i) => Math.sin(i * i));
const labels = Int32Array.from({ length: SAMPLES }, (_, i) => (i * 7) % 3);
const makeSet = (inputs: Float32Array | Int32Array, memory: 'copy' | 'borrow') =>
  fromArrays({ inputs, inputShape: [SIZE], labels, memory });

const ROWS = 500;

function start(train: Dataset<Shape, 'class'>, reads: 'floats' | 'ids' = 'floats') {
  const first = reads === 'ids' ? [embedding({ rows: ROWS, units: 2 }), flatten()] : [];
  const model = sequential({ inputShape: [SIZE], seed: 3 }, [
    ...first,
    dense({ units: 8, activation: 'tanh' }),
    dense({ units: 3 }),
  ]);
  const options = { optimizer: adagrad(), loss: 'softmaxCrossEntropy', threads: 1 } as const;
  const run = new Trainer(model, options).fit(train as never, { epochs: EPOCHS, progress: 'none' });
  return run.then(() => hashOf(model));
}

/** The code of the error, or that there is none. */
async function codeOf(use: () => unknown): Promise<string> {
  try {
    await use();
    return 'none';
  } catch (error) {
    return error instanceof GradloomError ? error.code : String(error);
  }
}

/** Numbers where freed memory was. */
function reuseMemory(): void {
  for (let i = 0; i < 4; i++) new Float32Array(SAMPLES * SIZE).fill(Number.NaN);
}

/** How a run ends whose table has no longer all ids that it reads. */
async function spoilIds(random: (bound: number) => number): Promise<string> {
  const ids = Int32Array.from({ length: SAMPLES * SIZE }, (_, i) => (i * 7919) % ROWS);
  const running = codeOf(() => start(makeSet(ids, 'borrow'), 'ids'));
  for (let turns = random(4); turns >= 0; turns--) await turn();
  for (let count = 1 + random(20); count > 0; count--) {
    ids[random(ids.length)] = [ROWS, -1, 2 ** 31 - 1, -(2 ** 31)][random(4)] as number;
  }
  return running;
}

export const borrowed: PromiseProof = {
  number: 12,
  title: 'inputs are copied; borrowed ones are held by a run, also when they are transferred away or spoilt',
  async prove({ length, seed, tally }) {
    const random = randomIntegers(seed);
    const expected = await start(makeSet(values(), 'copy'));
    const seen: Record<string, number> = {};
    let [inTime, noticed] = [0, 0];
    const trials = length === 'long' ? 10_000 : 100;
    const before = info().allocatedBytes;
    for (let trial = 0; trial < trials; trial++) {
      tally.tried();
      const memory = random(2) === 0 ? 'copy' : 'borrow';
      const acts = [
        'refused',
        ...Object.keys(DETACH),
        ...(memory === 'copy' ? ['changed', 'resized'] : ['ids spoilt']),
      ];
      const act = acts[random(acts.length)] as string;
      const what = `trial ${trial}, ${memory}, ${act}`;
      seen[`${memory}, ${act}`] = (seen[`${memory}, ${act}`] ?? 0) + 1;
      if (act === 'ids spoilt') {
        const code = await spoilIds(random);
        if (code === 'ID_OUT_OF_RANGE') noticed++;
        else if (code !== 'none') tally.fail(`${what}: ${code}`);
        continue;
      }
      const inputs = values();
      if (act === 'refused' || act === 'resized') {
        const bytes = inputs.byteLength;
        const isShared = act === 'refused' && random(2) === 0;
        const buffer = isShared ? new SharedArrayBuffer(bytes) : resizable(bytes);
        const view = new Float32Array(buffer);
        view.set(inputs);
        const code = await codeOf(() => makeSet(view, act === 'refused' ? 'borrow' : 'copy'));
        const wanted = act === 'refused' ? 'INVALID_DATA' : 'none';
        if (code !== wanted) tally.fail(`${what}, shared ${isShared}: ${code}`);
        if (act === 'refused') continue;
        const running = start(makeSet(view, 'copy'));
        await turn();
        (buffer as ArrayBuffer & { resize?(length: number): void }).resize?.(0);
        if ((await running) !== expected) tally.fail(`${what}: other bits`);
        continue;
      }
      const train = makeSet(inputs, memory);
      let isOver = false;
      const running = start(train).then((hash) => {
        isOver = true;
        return hash;
      });
      for (let turns = random(4); turns >= 0; turns--) await turn();
      if (act === 'changed') inputs.fill(Number.NaN);
      else await DETACH[act]?.(inputs.buffer as Detachable);
      if (trial % 8 === 0) await collectGarbage();
      reuseMemory();
      if (!isOver) inTime++;
      if ((await running) !== expected) tally.fail(`${what}: other bits`);
      const code = await codeOf(() => start(train));
      const wanted = memory === 'borrow' ? 'INVALID_DATA' : 'none';
      if (code !== wanted) tally.fail(`${what}: used again, ${code}, expected ${wanted}`);
    }
    await collectGarbage();
    const { allocatedBytes, liveThreads } = info();
    if (liveThreads !== 0) tally.fail(`${liveThreads} threads are left`);
    if (allocatedBytes > before) tally.fail(`from ${before} bytes to ${allocatedBytes}`);
    return { facts: { ...seen, duringTheRun: inTime, idsNoticed: noticed } };
  },
};
