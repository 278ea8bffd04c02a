/** What a dataset is made of. */
import type { InputShape, NamedShapes, Shape } from '../../core/shape.ts';
import type { Vectorizer } from '../../text/vectorizer.ts';
import type { Preprocessing } from './preprocessing.ts';
import type { StoredInputs } from './stored-inputs.ts';
import type { Table } from './table.ts';

/** `'class'`: an integer from 0; `'values'`: an array of targets; `'targets'`: several of these by name; `'none'`: inputs alone. */
export type LabelKind = 'class' | 'values' | 'targets' | 'none';

/** What one label is: the class's number, the target's values, or nothing. */
export type LabelOf<Label extends LabelKind> = {
  class: number;
  values: Float32Array;
  targets: Readonly<Record<string, number | Float32Array>>;
  none: undefined;
}[Label];

export interface Sample<Label extends LabelKind = LabelKind, Input extends InputShape = Shape> {
  /** As a model sees it, preprocessed; of several inputs by name. */
  readonly input: ValuesOf<Input>;
  readonly label: LabelOf<Label>;
}

/** The values of one sample. */
export type ValuesOf<Input extends InputShape> = Input extends NamedShapes
  ? { readonly [Name in keyof Input]: Float32Array }
  : Float32Array;

export type Labels = Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>;

/** One input of all samples. */
export interface InputParts<Input extends Shape = Shape> {
  readonly inputShape: Input;
  readonly inputs: StoredInputs;
  readonly preprocessing: Preprocessing;
  readonly table: Table | undefined;
  /** What made the samples, where they are texts. */
  readonly vectorizer?: Vectorizer | undefined;
  /** The number of the first feature in the file, where it was one of LIBSVM's. */
  readonly firstFeature?: 0 | 1 | undefined;
  /** For each input column of the table the rows in which a value was filled in. */
  readonly gaps?: readonly Uint32Array[] | undefined;
}

/** One of several targets, whose values stand side by side in a sample's labels. */
export interface Target {
  readonly name: string;
  readonly kind: 'class' | 'values';
  /** `[]` for a class. */
  readonly shape: Shape;
  /** Place of its first value. */
  readonly first: number;
}

/** What goes with the inputs. */
export interface LabelParts<Label extends LabelKind = LabelKind> {
  readonly labelKind: Label;
  readonly labelShape: Shape;
  readonly labels: Labels | undefined;
  readonly classCount: number;
  readonly classNames: readonly string[] | undefined;
  /** Of labels of kind `'targets'`, in the order of their names. */
  readonly targets?: readonly Target[] | undefined;
  /** Indexed by row, as the labels are. */
  readonly sampleWeights?: Float32Array<ArrayBuffer> | undefined;
  readonly rows: Uint32Array<ArrayBuffer> | undefined;
}

/**
 * What a dataset of one input stands on. Views of one dataset share its arrays, which are never written to: `rows`
 * names the samples of a view by their place in them.
 */
export interface DatasetParts<Input extends Shape = Shape, Label extends LabelKind = LabelKind>
  extends InputParts<Input>,
    LabelParts<Label> {
  readonly columns?: undefined;
}

/** The same of several inputs, whose arrays have the same rows. */
export interface NamedParts<Label extends LabelKind = LabelKind> extends LabelParts<Label> {
  readonly columns: Readonly<Record<string, InputParts>>;
}

export type AnyParts<Label extends LabelKind = LabelKind> = DatasetParts<Shape, Label> | NamedParts<Label>;
