/** Which layers of a model a fork takes, and the network that it makes of them. */
import {
  formatValue,
  guardedBy,
  listOf,
  oneOf,
  optional,
  seed,
  suggest,
  text,
  withDefault,
} from '../core/options.ts';
import type { InputShape, NamedShapes, OneShape, Shape } from '../core/shape.ts';
import type { Layer } from '../layers/layer.ts';
import type { ModelState } from './model-state.ts';
import { forkGraph } from './network/fork-graph.ts';
import { type Freeze, forkError, forkLayers, namesOf } from './network/fork-layers.ts';
import type { NamedLayer, Network, SequentialNetwork } from './network/network.ts';
import type { OutputShapeOf } from './network/output-shape.ts';
import type { TrainingRecord } from './training-record.ts';

export interface ForkOptions<
  First extends string | undefined = string | undefined,
  Last extends string | undefined = string | undefined,
> {
  /** Name of the first layer to take; of models made by `sequential`. Default: the model's first. */
  readonly first?: First;
  /**
   * Name of the last layer to take. Of a graph all that has a part in what that layer gives, `tower:2` for its second use, or a
   * head's name; inputs without a part are left out. Default: the model's last, and then with all heads.
   */
  readonly last?: Last;
  /**
   * Whether training leaves the taken layers as they are, or the names of those that it leaves so: their descriptions
   * get `trainable: false`. Default: false.
   */
  readonly freeze?: Freeze;
  /**
   * `'keep'`: the preprocessing of the data that the model was trained on, whose units the taken layers know, is the
   * fork's too, and data of another are refused. `'new'`: it is that of the data that the fork will be trained on.
   * Counts only from the first layer on; a fork that begins later has none. Default: `'keep'`.
   */
  readonly preprocessing?: 'keep' | 'new';
  /** Seed of the new layers' initial weights. Default: 0. */
  readonly seed?: number;
}

export const FORK_OPTIONS = {
  first: optional(text),
  last: optional(text),
  freeze: withDefault(
    guardedBy(
      'true, false, or a list of names of layers',
      (given): given is Freeze =>
        typeof given === 'boolean' ||
        (Array.isArray(given) && [...given].every((name) => typeof name === 'string')),
    ),
    false,
  ),
  preprocessing: withDefault(oneOf('keep', 'new'), 'keep'),
  seed: withDefault(seed, 0),
};

/** What a fork is made of; `isTaken` says which of the model's weights it copies. */
export interface ForkedNetwork {
  readonly network: Network;
  readonly training: TrainingRecord | undefined;
  readonly isTaken: (parameter: string) => boolean;
}

/** Of a graph that is cut the types do not know which inputs are left. */
export type ForkedInput<
  Input extends InputShape,
  First extends string | undefined,
  Last extends string | undefined,
> = [First] extends [undefined]
  ? [Last] extends [undefined]
    ? Input
    : Input extends Shape
      ? Input
      : NamedShapes
  : Shape;

export type ForkedOutput<
  Output extends InputShape,
  Last extends string | undefined,
  Layers extends readonly Layer[],
> = [Last] extends [undefined]
  ? Layers extends readonly []
    ? Output
    : OutputShapeOf<Layers, OneShape<Output>>
  : OutputShapeOf<Layers, Shape>;

export function forkNetwork(
  { native: inner, network, training }: ModelState,
  { freeze, preprocessing, ...ends }: Required<Pick<ForkOptions, 'freeze' | 'preprocessing'>> & Ends,
  added: unknown,
): ForkedNetwork {
  if (network.nodes !== undefined) {
    if (ends.first !== undefined) {
      throw forkError(
        'first is for models made by sequential; of a graph, last says where the fork ends, and it takes all that has a part in it',
      );
    }
    const taken = forkGraph(network, { last: ends.last, freeze }, added);
    const { inputs } = taken.network;
    return {
      network: taken.network,
      training: preprocessing === 'keep' ? keepReading(training, inputs) : undefined,
      isTaken: isParameterOf(taken.layers),
    };
  }
  const { begin, end } = findRange(network, ends);
  const taken = network.layers.slice(begin, end);
  const before = inner.layers.find(({ name }) => name === network.layers[begin - 1]?.name);
  return {
    network: {
      inputShape: before?.outputShape ?? network.inputShape,
      layers: forkLayers(taken, added, freeze),
    },
    training: begin === 0 && preprocessing === 'keep' ? keepReading(training) : undefined,
    isTaken: isParameterOf(taken),
  };
}

/** What is left of a record without what the fork is to learn anew, for these inputs. */
function keepReading(
  training: TrainingRecord | undefined,
  inputs: readonly { readonly name: string }[] = [],
): TrainingRecord | undefined {
  const kept = training?.inputs && inputs.map(({ name }) => [name, training.inputs?.[name]]);
  return (
    training && {
      ...training,
      loss: undefined,
      classNames: undefined,
      inputs: kept && Object.fromEntries(kept),
    }
  );
}

type Ends = Pick<ForkOptions, 'first' | 'last'>;

/** Places in a list of layers: `begin` counts, `end` does not. */
interface Range {
  readonly begin: number;
  readonly end: number;
}

/** The layers from `first` to `last`, both taken. */
function findRange({ layers }: SequentialNetwork, { first, last }: Ends): Range {
  const begin = first === undefined ? 0 : findLayer('first', layers, first);
  const end = last === undefined ? layers.length : findLayer('last', layers, last) + 1;
  if (begin < end) return { begin, end };
  throw forkError(`last "${last}" stands before first "${first}"; the layers are ${listOf(namesOf(layers))}`);
}

/** Whether a parameter is one of the layers', or of a layer inside one. */
function isParameterOf(layers: readonly NamedLayer[]): (parameter: string) => boolean {
  return (parameter) => layers.some(({ name }) => parameter.startsWith(`${name}.`));
}

function findLayer(option: 'first' | 'last', layers: readonly NamedLayer[], name: string): number {
  const place = layers.findIndex((layer) => layer.name === name);
  if (place >= 0) return place;
  throw forkError(`${option} names no layer ${formatValue(name)}; ${suggest(name, namesOf(layers))}`);
}
