/** What is sent to the native side to be made: plain data, `{ kind, ...attributes }`, and the network of such layers. */

/** A value that crosses into C++ unchanged: the layer, loss, metric or optimizer named by `kind` reads its own attributes. */
export type SpecValue =
  | null
  | boolean
  | number
  | string
  | Float32Array
  | readonly SpecValue[]
  | { readonly [key: string]: SpecValue | undefined };

/** `{ kind, ...attributes }`. Unset attributes are absent, never null: the defaults live in `lib/`. */
export type Spec = { readonly kind: string; readonly [key: string]: SpecValue | undefined };

/**
 * A layer's spec carries its unique name within the model, for instance `dense_1`, and the names of the layers
 * whose outputs it reads, or of the network's inputs behind an `@`. Default of `inputs`: the layer before it.
 * With `shares` it uses the weights of the layer of that name.
 */
export type LayerSpec = Spec & {
  readonly name: string;
  readonly inputs?: readonly string[];
  readonly shares?: string | undefined;
};

export interface NetworkSpec {
  /** Shape of one sample, channels last, without the batch: `[4]`, `[28, 28, 1]`. Of a network of one input, `input`. */
  readonly inputShape?: readonly number[] | undefined;
  /** In its place for a network of several. */
  readonly inputs?: readonly { readonly name: string; readonly shape: readonly number[] }[] | undefined;
  /** Seed of the initial weights. Undefined: they are 0. */
  readonly seed?: number | undefined;
  readonly layers: readonly LayerSpec[];
  /** Refuse an architecture with more parameters, before memory is taken for them. */
  readonly maxParameters?: number | undefined;
}
