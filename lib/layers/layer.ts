import { describe } from '../core/description.ts';
import { boolean, type FieldTable, optional, type Rule, withDefault } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import type { SpecValue } from '../native/index.ts';

declare const output: unique symbol;

/**
 * A layer's description, plain frozen data: its kind and its options with the defaults filled in. It holds no
 * weights; the same description may stand in several models.
 *
 * `Output` is what the types know of the shape that the layer gives: a literal shape, `'asInput'` for a layer
 * that keeps its input's shape, or any `Shape`.
 */
export interface Layer<Output extends Shape | 'asInput' = Shape | 'asInput'> {
  readonly kind: string;
  readonly name?: string;
  readonly [attribute: string]: SpecValue | undefined;
  /** In types only. */
  readonly [output]?: Output;
}

export interface NamedOptions {
  /**
   * Unique within a model: letters, digits, `_` and `-`. Default: the kind and its count, such as `dense_1`.
   */
  readonly name?: string;
}

export interface TrainableOptions extends NamedOptions {
  /**
   * `false` freezes the layer, as in Keras: training changes none of its weights, computes no gradient for them and stops its
   * backward pass above a model's frozen first layers. Default: true.
   */
  readonly trainable?: boolean;
}

const NAME = /^[A-Za-z0-9_-]{1,100}$/;

const layerName: Rule<string> = {
  expected: 'a name of 1 to 100 letters, digits, _ and -',
  read: (given) => (typeof given === 'string' && NAME.test(given) ? given : undefined),
};

/** Checks a layer's options against its table and freezes the description. */
export function describeLayer<Output extends Shape | 'asInput'>(
  kind: string,
  given: NamedOptions | undefined,
  table: FieldTable,
): Layer<Output> {
  const name = layerName.read(given?.name);
  const operation = name === undefined ? kind : `${kind} "${name}"`;
  return describe(operation, kind, given, { ...table, name: optional(layerName) }) as Layer<Output>;
}

/** The same for a layer with weights. */
export function describeTrainable<Output extends Shape | 'asInput'>(
  kind: string,
  given: TrainableOptions | undefined,
  table: FieldTable,
): Layer<Output> {
  return describeLayer(kind, given, { ...table, trainable: withDefault(boolean, true) });
}
