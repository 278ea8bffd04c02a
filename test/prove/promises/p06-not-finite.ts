import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  adagrad,
  adamW,
  batchNorm,
  conv2d,
  customLoss,
  type Dataset,
  dense,
  embedding,
  flatten,
  fromArrays,
  gelu,
  type Layer,
  layerNorm,
  type Model,
  maxPool2d,
  npy,
  residual,
  type Shape,
  sequential,
  sgd,
  silu,
  Trainer,
  type TrainerOptions,
} from '../../../lib/index.ts';
import { stateOf } from '../../../lib/models/model.ts';
import { type PromiseProof, randomIntegers, withFolder } from '../promise.ts';

const SAMPLES = 57;
const BATCH = 10;
const STEPS = Math.ceil(SAMPLES / BATCH);
const OUTPUTS = 3;
const IDS = 40;
const BAD = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

type Random = (bound: number) => number;

interface Net {
  readonly inputShape: Shape;
  readonly layers: () => readonly Layer[];
}

const NETS: Readonly<Record<string, Net>> = {
  dense: {
    inputShape: [7],
    layers: () => [
      dense({ units: 19, activation: 'relu' }),
      layerNorm(),
      dense({ units: 33 }),
      gelu(),
      dense({ units: 5 }),
      silu(),
    ],
  },
  conv: {
    inputShape: [6, 5, 2],
    layers: () => [
      conv2d({ filters: 4, kernelSize: 3, padding: 'same', activation: 'relu' }),
      batchNorm(),
      maxPool2d({ poolSize: 2 }),
      residual([conv2d({ filters: 4, kernelSize: 3, padding: 'same', activation: 'leakyRelu' })]),
      flatten(),
    ],
  },
  winograd: {
    inputShape: [5, 5, 16],
    layers: () => [
      conv2d({ filters: 16, kernelSize: 3, kernel: 'winograd', activation: 'elu' }),
      conv2d({ filters: 3, kernelSize: 2, kernel: 'blas', activation: 'tanh' }),
      flatten(),
    ],
  },
  ids: {
    inputShape: [4],
    layers: () => [embedding({ rows: IDS, units: 6 }), flatten(), dense({ units: 8, activation: 'sigmoid' })],
  },
};

interface Case {
  readonly net: Net;
  readonly model: Model;
  readonly inputs: Float32Array | Int32Array;
  readonly options: Omit<TrainerOptions, 'loss'>;
}

function makeCase(net: Net, seed: number, random: Random): Case {
  const size = SAMPLES * net.inputShape.reduce((product, extent) => product * extent);
  const isIds = net === NETS.ids;
  const inputs = isIds
    ? Int32Array.from({ length: size }, () => random(IDS))
    : Float32Array.from({ length: size }, () => random(2001) / 1000 - 1);
  const optimizers = [adagrad({ learningRate: 0.05 }), sgd({ learningRate: 0.01 }), adamW()];
  return {
    net,
    inputs,
    model: sequential({ inputShape: net.inputShape, seed }, [...net.layers(), dense({ units: OUTPUTS })]),
    options: {
      optimizer: optimizers[random(isIds ? 2 : 3)] as TrainerOptions['optimizer'],
      threads: 1 + random(2),
      ...(!isIds && random(2) === 0 && { clipGradients: { by: 'globalNorm', limit: 5 } as const }),
    },
  };
}

/** As messages have them: of a layer, or of one of its weights. */
function namesOf(model: Model): readonly string[] {
  const weights = Object.keys(model.getWeights());
  const layers = [...model.layers.map(({ name }) => name), ...weights.map(layerOf)];
  return [...layers.map((name) => `layer "${name}"`), ...weights.map((name) => `weight of "${name}"`)];
}

const layerOf = (weight: string) => weight.slice(0, weight.lastIndexOf('.'));

/** The error's text of one epoch, or that there is none. */
async function epoch(trainer: Trainer<Shape, never, never>, train: Dataset<Shape, 'values'>) {
  try {
    await trainer.fit(train as never, { batchSize: BATCH, shuffle: 'never', progress: 'none' });
    return 'nothing was reported';
  } catch (error) {
    return String(error);
  }
}

const makeTargets = () => Float32Array.from({ length: SAMPLES * OUTPUTS }, (_, i) => Math.sin(i * i));

const makeSet = ({ net, inputs }: Case) =>
  fromArrays({ inputs, inputShape: net.inputShape, labels: makeTargets() }) as Dataset<Shape, 'values'>;

/** What a message has to say. */
interface Injected {
  readonly message: string;
  readonly step: number;
  readonly name: string;
}

/** A mapped file, whose floats nobody has looked at before. */
async function injectInput(
  { net, model, inputs, options }: Case,
  bad: number,
  random: Random,
  folder: string,
) {
  const place = random(inputs.length);
  const values = Float32Array.from(inputs);
  values[place] = bad;
  const file = join(folder, 'inputs.npy');
  const labels = join(folder, 'labels.npy');
  await writeNpy(file, values, [SAMPLES, ...net.inputShape]);
  await writeNpy(labels, makeTargets(), [SAMPLES, OUTPUTS]);
  const train = await npy({ inputs: file, labels, labelKind: 'values', memory: 'map' });
  const message = await epoch(new Trainer(model, { ...options, loss: 'meanSquaredError' }) as never, train);
  const sample = Math.floor((place * SAMPLES) / inputs.length);
  return { message, step: Math.floor(sample / BATCH) + 1, name: 'an input sample' };
}

async function injectWeight(case_: Case, bad: number, random: Random): Promise<Injected> {
  const { model, options } = case_;
  const trainer = new Trainer(model, { ...options, loss: 'meanSquaredError' });
  const train = makeSet(case_);
  const before = await epoch(trainer as never, train);
  if (before !== 'nothing was reported') return { message: before, step: 0, name: 'a false alarm' };
  const { native } = stateOf(model);
  const values = native.getParameters();
  const parameter = random(values.length);
  const { name, shape } = native.parameters[parameter] as (typeof native.parameters)[number];
  const weights = values[parameter] as Float32Array;
  // Of a table, a row that the first batch reads: the others do not matter to it.
  const width = shape.at(-1) as number;
  const isTable = name.startsWith('embedding');
  const row = case_.inputs[random((BATCH * case_.inputs.length) / SAMPLES)] as number;
  weights[isTable ? row * width + random(width) : random(weights.length)] = bad;
  native.setParameters(values);
  const message = await epoch(trainer as never, train);
  return { message, step: STEPS + 1, name: Number.isNaN(bad) ? `"${layerOf(name)}` : '"' };
}

async function injectGradient(case_: Case, bad: number, random: Random): Promise<Injected> {
  const step = 1 + random(STEPS);
  let calls = 0;
  const loss = customLoss({
    name: 'spoiled',
    loss(outputs, targets) {
      const gradient = outputs.map((output, i) => (2 * (output - (targets[i] as number))) / outputs.length);
      if (++calls === step) gradient[random(gradient.length)] = bad;
      return { value: 1, gradient };
    },
  });
  const trainer = new Trainer(case_.model, { ...case_.options, loss });
  return { message: await epoch(trainer as never, makeSet(case_)), step, name: '"' };
}

async function writeNpy(file: string, values: Float32Array, shape: readonly number[]): Promise<void> {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`.padEnd(117);
  const start = Buffer.from(`\x93NUMPY\x01\x00\x76\x00${header}\n`, 'latin1');
  await writeFile(file, Buffer.concat([start, Buffer.from(values.buffer)]));
}

export const notFinite: PromiseProof = {
  number: 6,
  title: 'NaN and infinity in input, weight or gradient are reported in the same step, with the layer',
  prove({ length, seed, tally }) {
    return withFolder(async (folder) => {
      const random = randomIntegers(seed);
      const injections: Record<string, number> = { input: 0, weight: 0, gradient: 0 };
      let steps = 0;
      const trials = length === 'long' ? 1_000 : 60;
      for (let trial = 0; trial < trials; trial++) {
        const name = Object.keys(NETS)[random(4)] as string;
        const net = NETS[name] as Net;
        const bad = BAD[random(BAD.length)] as number;
        const targets = name === 'ids' ? ['weight', 'gradient'] : ['input', 'weight', 'gradient'];
        const target = targets[random(targets.length)] as string;
        const case_ = makeCase(net, trial, random);
        const { clipGradients, optimizer, threads } = case_.options;
        const what = `trial ${trial}, ${bad} as ${target} of ${name} (${optimizer.kind}, clip ${clipGradients !== undefined}, threads ${threads})`;

        const control = makeCase(net, trial, random);
        const trainer = new Trainer(control.model, { ...control.options, loss: 'meanSquaredError' });
        const alarm = await epoch(trainer as never, makeSet(control));
        steps += STEPS;
        if (alarm !== 'nothing was reported') tally.fail(`${what}: a false alarm, ${alarm}`);

        const inject = { input: injectInput, weight: injectWeight, gradient: injectGradient }[target] as (
          ...args: [Case, number, Random, string]
        ) => Promise<Injected>;
        const injected = await inject(case_, bad, random, folder);
        injections[target] = (injections[target] ?? 0) + 1;
        const { message } = injected;
        const namesPlace = [...namesOf(case_.model), 'an input sample'].some((place) =>
          message.includes(place),
        );
        const isInStep = message.includes(` not finite at step ${injected.step}`);
        if (!namesPlace || !isInStep || !message.includes(injected.name))
          tally.fail(`${what}: expected ${injected.name} at step ${injected.step}, ${message}`);
        tally.tried();
      }
      return { facts: { ...injections, stepsWithoutAlarm: steps } };
    });
  },
};
