/** Threads: as each test says. What reaches the network, held against a plain twin that asks of each place where it comes from. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { philox4x32 } from '../../lib/core/philox.ts';
import {
  type AugmentOptions,
  adagrad,
  conv2d,
  customLoss,
  type Dataset,
  dense,
  digits,
  flatten,
  fromArrays,
  fromStream,
  type LossChoice,
  type Shape,
  sequential,
  Trainer,
} from '../../lib/index.ts';
import { hashOf } from '../prove/nets.ts';
import { checkError } from './errors.ts';

const [H, W, C] = [5, 7, 3] as const;
const SIZE = H * W * C;
const COUNT = 22;
const BATCH = 8;
const SEED = 2 ** 40 + 5;

const MEAN = [1, 2, 3];
const STD = [50, 60, 70];
const bytes = Uint8Array.from({ length: COUNT * SIZE }, (_, i) => (i * 37 + (i >> 3) * 11) % 256);
const labels = Array.from({ length: COUNT }, (_, place) => place);
const SETS = {
  bytes: fromArrays({ inputs: bytes, inputShape: [H, W, C], labels }).normalize({ mean: MEAN, std: STD }),
  floats: fromArrays({ inputs: Float32Array.from(bytes, (x) => x / 3 - 9), inputShape: [H, W, C], labels }),
};

/** The values of the images of two epochs as the network gets them, by step and place. */
async function seen(set: Dataset<Shape, 'class'>, augment: AugmentOptions | undefined, threads: number) {
  const images: Float32Array[] = [];
  const loss = customLoss({
    name: 'watch',
    labels: 'class',
    loss: (outputs) => {
      for (let at = 0; at < outputs.length; at += SIZE) images.push(outputs.slice(at, at + SIZE));
      return { value: 0, gradient: outputs.map(() => 0) };
    },
  });
  const model = sequential({ inputShape: [H, W, C] }, [flatten()]);
  const trainer = new Trainer(model, {
    optimizer: adagrad(),
    loss: loss as LossChoice,
    seed: SEED,
    threads,
  });
  await trainer.fit(set as never, {
    epochs: 2,
    batchSize: BATCH,
    shuffle: 'never',
    ...(augment === undefined ? {} : { augment }),
  });
  return images;
}

/** From words, in doubles. */
function twin(place: number, step: number, set: unknown, { flip, padding, ...options }: AugmentOptions) {
  const { shift = 0, brightness = 0, contrast = 0, cutout = 0 } = options;
  const key = [SEED >>> 0, Math.floor(SEED / 2 ** 32)] as const;
  const block = (index: number) => philox4x32([index, 0, 6 * 2 ** 24, step], key);
  const [horizontal, vertical, down, right] = block(2 * (place % BATCH));
  const [bright, strong, cutRow, cutColumn] = block(2 * (place % BATCH) + 1);
  const below = (word: number, bound: number) => Math.floor((word * bound) / 2 ** 32);
  const factor = (word: number, within: number) =>
    1 + Math.fround(within) * (((word >>> 8) / 2 ** 24) * 2 - 1);
  const mirrored = (flip === 'horizontal' || flip === 'both') && horizontal >= 2 ** 31;
  const upsideDown = (flip === 'vertical' || flip === 'both') && vertical >= 2 ** 31;
  const [dy, dx] = [down, right].map((word) => below(word, 2 * shift + 1) - shift) as [number, number];
  const [top, left] = [below(cutRow, H), below(cutColumn, W)].map((at) => at - (cutout >> 1)) as [
    number,
    number,
  ];

  const isBytes = set === SETS.bytes;
  const stored = (at: number) =>
    isBytes
      ? (bytes[place * SIZE + at] as number)
      : Math.fround((bytes[place * SIZE + at] as number) / 3 - 9);
  const average = Array.from({ length: SIZE }, (_, at) => stored(at)).reduce((a, b) => a + b) / SIZE;
  const value = (at: number) => {
    const changed =
      factor(bright, brightness) * (factor(strong, contrast) * (stored(at) - average) + average);
    return isBytes ? (changed - (MEAN[at % C] ?? 0)) / (STD[at % C] ?? 1) : changed;
  };
  return Array.from({ length: SIZE }, (_, at) => {
    const [row, column, channel] = [Math.floor(at / (W * C)), Math.floor(at / C) % W, at % C];
    const isCut = row >= top && row < top + cutout && column >= left && column < left + cutout;
    let [y, x] = [row - dy, column - dx];
    if (isCut || (padding !== 'edge' && (y < 0 || y >= H || x < 0 || x >= W))) return 0;
    y = Math.min(Math.max(y, 0), H - 1);
    x = Math.min(Math.max(x, 0), W - 1);
    if (upsideDown) y = H - 1 - y;
    if (mirrored) x = W - 1 - x;
    return value((y * W + x) * C + channel);
  });
}

const CHOICES: readonly AugmentOptions[] = [
  { flip: 'horizontal' },
  { flip: 'vertical' },
  { shift: 4 },
  { shift: 4, padding: 'edge', flip: 'both' },
  { brightness: 0.5 },
  { contrast: 0.7 },
  { cutout: 3 },
  { cutout: 4, flip: 'both', shift: 2, brightness: 0.2, contrast: 0.3 },
];

for (const [name, set] of Object.entries(SETS)) {
  test(`${name}: every image of two epochs is what its seed, step and place make of it`, async (t) => {
    for (const augment of CHOICES) {
      const images = await seen(set, augment, 1);
      t.is(images.length, 2 * COUNT);
      const distinct = new Set<string>();
      for (const [number, image] of images.entries()) {
        const place = number % COUNT;
        const step = Math.floor(number / COUNT) * Math.ceil(COUNT / BATCH) + Math.floor(place / BATCH);
        const expected = twin(place, step, set, augment);
        const worst = Math.max(...expected.map((value, at) => Math.abs(value - (image[at] as number))));
        t.true(worst < 1e-4, `${JSON.stringify(augment)}: image ${place} of step ${step} is off by ${worst}`);
        distinct.add(String(image));
      }
      t.true(distinct.size > COUNT, `${JSON.stringify(augment)} gives the same images in both epochs`);
      for (const threads of [2, 3]) t.deepEqual(await seen(set, augment, threads), images);
    }
  });
}

test('no change at all has the bits of a run without', async (t) => {
  const plain = await seen(SETS.bytes, undefined, 1);
  t.deepEqual(await seen(SETS.bytes, {}, 1), plain);
  t.deepEqual(await seen(SETS.bytes, { brightness: 0, padding: 'edge' }, 1), plain);
});

const AUGMENT = { flip: 'both', shift: 2, brightness: 0.3, contrast: 0.3, cutout: 3 } as const;

function convNet(threads = 1) {
  const model = sequential({ inputShape: [8, 8, 1], seed: 1 }, [
    conv2d({ filters: 8, kernelSize: 3, activation: 'relu' }),
    flatten(),
    dense({ units: 10 }),
  ]);
  const options = {
    optimizer: adagrad({ learningRate: 0.02 }),
    loss: 'softmaxCrossEntropy',
    seed: 3,
  } as const;
  return new Trainer(model, { ...options, metrics: ['accuracy'], threads });
}

test('a run that was cut anywhere ends with the bits of a whole one, on any number of threads', async (t) => {
  const train = (await digits()).take(200);
  const options = { epochs: 3, batchSize: 32, augment: AUGMENT } as const;
  const whole = convNet();
  await whole.fit(train, options);
  const plain = convNet();
  await plain.fit(train, { epochs: 3 });
  t.not(hashOf(plain.model), hashOf(whole.model));
  for (const maxSteps of [1, 6, 7, 16]) {
    const folder = await mkdtemp(join(tmpdir(), 'gradloom-augment-'));
    t.teardown(() => rm(folder, { recursive: true }));
    const cut = convNet(2);
    await cut.fit(train, { ...options, maxSteps, checkpoint: { folder } });
    const { trainer, run } = await Trainer.resume(folder, train, { maxSteps: 1000, threads: 3 });
    await run;
    t.is(hashOf(trainer.model), hashOf(whole.model));
    const [a, b] = [join(folder, 'a'), join(folder, 'b')];
    await Promise.all([whole.save(a), trainer.save(b)]);
    t.deepEqual(await readFile(a), await readFile(b));
  }
});

test('validation, evaluate and predict see images as they are', async (t) => {
  const [train, validation] = (await digits()).split({ fraction: 0.8, seed: 1 });
  const trainer = convNet();
  const { epochs } = await trainer.fit(train, { augment: AUGMENT, validation });
  const other = convNet();
  other.model.setWeights(trainer.model.getWeights());
  const { loss } = await other.evaluate(validation, { batchSize: 32 });
  t.is(epochs[0]?.validation.loss, loss);
  t.is((await trainer.evaluate(validation, { batchSize: 32 })).loss, loss);
  const [first, second] = await Promise.all([trainer, other].map(({ model }) => model.predict(validation)));
  t.deepEqual(first?.data, second?.data);
});

test('images of a stream are changed, too', async (t) => {
  const train = (await digits()).take(64);
  const options = { batchSize: 16, shuffle: 'never', augment: AUGMENT } as const;
  const trainer = convNet();
  await trainer.fit(train, options);
  const streamed = convNet();
  const stream = fromStream([train], { inputShape: [8, 8, 1], samplesPerEpoch: 64 });
  await streamed.fit(stream as never, options);
  t.is(hashOf(streamed.model), hashOf(trainer.model));
});

test('what cannot be changed so is refused before anything is', async (t) => {
  const train = (await digits()).take(20);
  const trainer = convNet();
  const weights = hashOf(trainer.model);
  const refuse = (augment: object, message: string) =>
    checkError(t, 'INVALID_OPTION', [() => trainer.fit(train, { augment }), `fit: augment: ${message}`]);
  await refuse({ flip: 'left' }, 'flip must be "horizontal", "vertical" or "both", got "left"');
  await refuse({ shift: 8 }, 'shift must be at most 7 for images of 8 x 8, got 8');
  await refuse({ cutout: 9 }, 'cutout must be at most 8 for images of 8 x 8, got 9');
  await refuse({ brightness: 1.5 }, 'brightness must be a number from 0 to 1, got 1.5');
  await refuse({ flips: 'both' }, 'unknown option "flips"; did you mean "flip"?');
  t.is(hashOf(trainer.model), weights);

  const flat = new Trainer(sequential({ inputShape: [4] }, [dense({ units: 3 })]), {
    optimizer: adagrad(),
    loss: 'softmaxCrossEntropy',
  });
  const rows = fromArrays({ inputs: [[1, 2, 3, 4]], inputShape: [4], labels: [0] });
  await checkError(t, 'SHAPE_MISMATCH', [
    () => flat.fit(rows, { augment: { flip: 'both' } }),
    'fit: augment: changes images, samples of shape [height, width, channels], and the model takes samples of shape [4]; leave it out',
  ]);
  const ids = fromArrays({ inputs: new Int32Array(128), inputShape: [8, 8, 1], labels: [0, 1] });
  await checkError(t, 'INVALID_DATA', [
    () => convNet().fit(ids, { augment: { flip: 'both' } }),
    'fit: augment: changes images, samples of shape [height, width, channels] as bytes or floats; leave it out',
  ]);
});
