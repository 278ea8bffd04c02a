/** The heads of a model that has several outputs. */
import { GradloomError } from '../core/errors.ts';
import { formatValue, integer, readOptions, required, text } from '../core/options.ts';
import { type InputShape, type Shape, sizeOf } from '../core/shape.ts';
import { type HeadOutput, HeadsLoss } from '../losses/heads-loss.ts';
import type { Loss } from '../losses/loss.ts';
import { columnsOf } from '../metrics/head-metric.ts';
import type { NativeLayerInfo } from '../native/index.ts';
import { endingOf, type HeadRecord, type Network, nameOfUse } from './network/network.ts';
import { type Classification, type Predictions, toClassification } from './predictions.ts';

/** Of one shape, or by the names of heads. */
export type Predicted<Output extends InputShape> = Output extends Shape
  ? Predictions<Output>
  : { readonly [Head in keyof Output]: Output[Head] extends Shape ? Predictions<Output[Head]> : never };

/** Of the outputs, or by the names of heads, of those whose losses know classes. */
export type Classified<Output extends InputShape> = Output extends Shape
  ? Classification<Output>
  : { readonly [Head in keyof Output]: Output[Head] extends Shape ? Classification<Output[Head]> : never };

/** The shapes and endings of a network's heads. */
export function headsOf(
  network: Network,
  layers: readonly NativeLayerInfo[],
): readonly HeadOutput[] | undefined {
  return network.heads?.map(({ name, layer, use }) => {
    const info = layers.find((each) => each.name === nameOfUse(layer, use)) as NativeLayerInfo;
    return { name, shape: Object.freeze([...info.outputShape]), ending: endingOf(network, layer) };
  });
}

/** Predictions by head, of rows in which the heads stand side by side. */
export function splitHeads(
  heads: readonly HeadOutput[],
  data: Float32Array,
  count: number,
): Readonly<Record<string, Predictions>> {
  let first = 0;
  const split = heads.map(({ name, shape }) => {
    const size = sizeOf(shape);
    first += size;
    return [name, { data: columnsOf(data, count, first - size, size), shape: [count, ...shape] }] as const;
  });
  return Object.fromEntries(split);
}

export function classifyHeads(
  loss: Loss,
  predictions: Readonly<Record<string, Predictions>>,
): Readonly<Record<string, Classification>> {
  const heads = loss instanceof HeadsLoss ? loss.heads : [];
  const knowing = heads.filter((head) =>
    ['classLogits', 'binaryLogits', 'margins'].includes(head.loss.outputs),
  );
  if (knowing.length === 0) {
    throw new GradloomError('INVALID_OPTION', 'classify: the loss of no head knows classes; use predict');
  }
  return Object.fromEntries(
    knowing.map((head) => [
      head.name,
      toClassification(predictions[head.name] as Predictions, head.loss, undefined),
    ]),
  );
}

const RECORD = { name: required(text), layer: required(text), use: required(integer(1)) };

/** Reads the heads of a file. */
export function readHeads(given: unknown, uses: ReadonlyMap<string, number>): readonly HeadRecord[] {
  if (!Array.isArray(given) || given.length === 0) {
    throw new GradloomError(
      'INVALID_OPTION',
      `architecture: heads must be a list, got ${formatValue(given)}`,
    );
  }
  return given.map((item: unknown, place) => {
    const head = readOptions(`architecture: heads[${place}]`, item as object, RECORD);
    if (head.use <= (uses.get(head.layer) ?? 0)) return head;
    throw new GradloomError(
      'INVALID_OPTION',
      `architecture: heads[${place}] names the layer ${formatValue(head.layer)}, which is not there`,
    );
  });
}
