import type { Shape } from '../../core/shape.ts';
import type { Layer } from '../../layers/layer.ts';

/**
 * What the types know of the shape that a stack of layers gives. It follows the last layer that does not keep
 * its input's shape; layers whose output depends on more than their own options give any `Shape`.
 */
export type OutputShapeOf<Layers extends readonly Layer[], Input extends Shape> = Layers extends readonly [
  ...infer Before extends readonly Layer[],
  Layer<infer Output>,
]
  ? Output extends Shape
    ? Output
    : OutputShapeOf<Before, Input>
  : Layers extends readonly []
    ? Input
    : Shape;
