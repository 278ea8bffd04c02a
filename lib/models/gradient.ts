/** What `model.gradient` differentiates. */
import { types } from 'node:util';
import { awaitNative, GradloomError } from '../core/errors.ts';
import {
  anything,
  extent,
  formatValue,
  guardedBy,
  listOf,
  optional,
  readOptions,
  required,
  suggest,
  threads,
  withDefault,
} from '../core/options.ts';
import { formatShape, type InputShape, type NamedShapes, type Shape, sizeOf } from '../core/shape.ts';
import type { HeadOutput } from '../losses/heads-loss.ts';
import type { HeadLosses, LossChoice } from '../losses/make-loss.ts';
import { type NativeInputGradient, native } from '../native/index.ts';
import type { ModelState } from './model-state.ts';
import { objectiveOf, readLabelledFor } from './objective.ts';
import { readSamplesFor } from './samples.ts';

/** A number: the output at this place, in row-major order of the output shape. A list: the place of each sample. */
export type OutputPlaces = number | ArrayLike<number>;

/** What may be differentiated but the loss; of a model with several heads places in one of them, `{ kind: labels }`. */
export type DifferentiatedOutputs = OutputPlaces | { readonly [head: string]: OutputPlaces };

export interface GradientOptions<Of extends 'loss' | DifferentiatedOutputs = 'loss' | DifferentiatedOutputs> {
  /**
   * A number: the output at this place, in row-major order of the model's output shape. A list: the place of each
   * sample, such as the labels that `classify` gives. Of a model with several heads either of them by the name of one:
   * `{ price: 0 }`. `'loss'`: each sample's loss, for a dataset with labels.
   */
  readonly of: Of;
  /** With `of: 'loss'`. Default: the loss that the model was trained with. */
  readonly loss?: LossChoice | HeadLosses;
  /** As of a `Trainer`; goes with `loss`. */
  readonly lossWeights?: Readonly<Record<string, number>>;
  /** Samples a pass through the network. Default: 64. */
  readonly batchSize?: number;
  /** 0: all that affinity and quota allow. Default: 0. */
  readonly threads?: number;
}

/** Gradients by each value of each sample, `[samples, ...shape of one]`. */
export interface Gradients<Input extends Shape = Shape> {
  readonly data: Float32Array;
  readonly shape: readonly [count: number, ...input: Input];
  /** What was differentiated: an output or the loss of each sample. */
  readonly values: Float32Array;
}

/** By each value of each sample of an input. */
export interface InputGradient {
  readonly data: Float32Array;
  /** `[samples, ...shape of one]`; of sparse samples the number of all features that they name. */
  readonly shape: readonly number[];
  /**
   * Of sparse samples: sample `i` has the gradients from `offsets[i]` to before `offsets[i + 1]`, of the values of its features in
   * the order in which it names them.
   */
  readonly offsets?: Uint32Array;
}

/** Of a model of several inputs. */
export interface NamedGradients<Input extends NamedShapes = NamedShapes> {
  /** Absent for ids, which have none. */
  readonly inputs: { readonly [Name in keyof Input]?: InputGradient };
  /** What was differentiated: an output or the loss of each sample. */
  readonly values: Float32Array;
}

export type GradientsOf<Input extends InputShape> = Input extends NamedShapes
  ? NamedGradients<Input>
  : Input extends Shape
    ? Gradients<Input>
    : never;

type Differentiated = 'loss' | DifferentiatedOutputs;

const GRADIENT_OPTIONS = {
  of: required(
    guardedBy(
      '"loss", the place of an output, or a list with the place of each sample',
      (given): given is Differentiated =>
        given === 'loss' || typeof given === 'number' || (typeof given === 'object' && given !== null),
    ),
  ),
  loss: optional(anything('a loss such as "softmaxCrossEntropy"')),
  lossWeights: optional(anything('weights of losses by head')),
  batchSize: withDefault(extent, 64),
  threads: withDefault(threads, 0),
};

/** What an output or the loss of each sample is, and its gradients by the values of the model's input or inputs. */
export async function differentiate(
  state: ModelState,
  inputs: unknown,
  options: GradientOptions,
): Promise<Gradients | NamedGradients> {
  const { of, loss, lossWeights, ...settings } = readOptions('gradient', options, GRADIENT_OPTIONS);
  if (state.network.nodes === undefined && state.inputForms[0] === 'sparse') {
    throw new GradloomError(
      'INVALID_OPTION',
      'gradient: sparse samples have gradients by the values of their features in models made by graph, graph({ inputs: { x: input([n]) }, output }); make the model so',
    );
  }
  const given = loss === undefined ? 'lossWeights' : 'loss';
  if (of !== 'loss' && (loss !== undefined || lossWeights !== undefined)) {
    throw new GradloomError('INVALID_OPTION', `gradient: ${given} needs of: 'loss'; leave out one of them`);
  }
  const { samples, differentiand } =
    of === 'loss' ? lossOf(state, inputs, { loss, lossWeights }) : outputsOf(state, inputs, of);
  const { values, gradients } = await awaitNative(() =>
    native.inputGradient(state.native, samples, differentiand, settings),
  );
  const { network } = state;
  if (network.nodes === undefined) {
    const { data } = gradients[0] as NativeInputGradient;
    return { data, shape: [values.length, ...network.inputShape], values };
  }
  const named = network.inputs.flatMap(({ name, shape }, place) => {
    const gradient = gradients[place];
    if (!gradient) return [];
    const { data, offsets } = gradient;
    return [[name, { ...gradient, shape: offsets ? [data.length] : [values.length, ...shape] }] as const];
  });
  return { inputs: Object.fromEntries(named), values };
}

function lossOf(
  state: ModelState,
  dataset: unknown,
  choice: { readonly loss: unknown; readonly lossWeights: unknown },
) {
  const { loss } = objectiveOf('gradient', state, { ...choice, metrics: [] });
  if (loss.startCalls() !== undefined) {
    throw new GradloomError(
      'INVALID_OPTION',
      `gradient: the custom loss ${loss.kind} is a function of JavaScript, which gradient does not call; name another loss`,
    );
  }
  return { samples: readLabelledFor('gradient', state, dataset, loss), differentiand: loss.toSpec() };
}

function outputsOf(state: ModelState, inputs: unknown, of: DifferentiatedOutputs) {
  const samples = readSamplesFor('gradient', state, inputs);
  const { heads } = state;
  const outputs =
    heads === undefined
      ? { name: 'of', places: checkPlaces(of), first: 0, shape: state.native.outputShape }
      : findHead(heads, of);
  return { samples, differentiand: readPlaces(outputs, samples.count) };
}

interface Outputs {
  /** In errors. */
  readonly name: string;
  readonly places: OutputPlaces;
  /** Where they begin among those of the network. */
  readonly first: number;
  readonly shape: Shape;
}

function isPlaces(given: DifferentiatedOutputs): given is OutputPlaces {
  return typeof given === 'number' || Array.isArray(given) || types.isTypedArray(given);
}

function checkPlaces(given: DifferentiatedOutputs): OutputPlaces {
  if (isPlaces(given)) return given;
  throw new GradloomError(
    'INVALID_OPTION',
    `gradient: of must be ${GRADIENT_OPTIONS.of.rule.expected}, got ${formatValue(given)}`,
  );
}

/** The places within one head, by its name. */
function findHead(heads: readonly HeadOutput[], of: DifferentiatedOutputs): Outputs {
  const names = heads.map(({ name }) => name);
  const [[name, places] = [], ...more] = isPlaces(of) ? [] : Object.entries(of);
  const at = heads.findIndex((head) => head.name === name);
  if (places !== undefined && more.length === 0 && at < 0) {
    throw new GradloomError(
      'INVALID_OPTION',
      `gradient: of: there is no head ${formatValue(name)}; ${suggest(String(name), names)}`,
    );
  }
  if (places === undefined || more.length > 0 || !isPlaces(places)) {
    throw new GradloomError(
      'INVALID_OPTION',
      `gradient: of must be "loss" or places in one of the heads ${listOf(names.map(formatValue))}, such as { ${names[0]}: 0 }, got ${formatValue(of)}`,
    );
  }
  const first = heads.slice(0, at).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return { name: `of.${name}`, places, first, shape: (heads[at] as HeadOutput).shape };
}

/** The place of the output of each of `count` samples among those of the network, checked. */
function readPlaces({ name, places, first, shape }: Outputs, count: number): Int32Array {
  if (typeof places !== 'number' && places.length !== count) {
    throw new GradloomError(
      'SHAPE_MISMATCH',
      `gradient: ${name} has ${places.length} places, there are ${count} samples; give one for each, or one number for all`,
    );
  }
  const size = sizeOf(shape);
  return Int32Array.from({ length: count }, (_, sample) => {
    const place = typeof places === 'number' ? places : places[sample];
    if (Number.isInteger(place) && (place as number) >= 0 && (place as number) < size) {
      return first + (place as number);
    }
    const where = typeof places === 'number' ? name : `${name}[${sample}]`;
    throw new GradloomError(
      'INVALID_OPTION',
      `gradient: ${where} must be the place of one of the ${size} outputs ${formatShape(shape)}, an integer from 0 to ${size - 1}, got ${formatValue(place)}`,
    );
  });
}
