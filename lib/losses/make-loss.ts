import { makeFrom } from '../core/description.ts';
import type { Shape } from '../core/shape.ts';
import { isCustomLoss, NamedLoss } from './custom-loss.ts';
import { HEADS, readHeadsLoss } from './heads-loss.ts';
import * as factories from './index.ts';
import { Loss, type LossLabelKind } from './loss.ts';

type Losses = { readonly [Kind in keyof typeof factories]: ReturnType<(typeof factories)[Kind]> };

/** A loss by its name, `'meanSquaredError'`, or as made by its function, `meanSquaredError()`. */
export type LossChoice = keyof Losses | Loss;

/** The losses of a model with several heads, by the heads' names: `{ species: 'softmaxCrossEntropy', age: 'huber' }`. */
export type HeadLosses = { readonly [head: string]: LossChoice };

/** The kinds of labels that a chosen loss takes: `'targets'` by name, for losses by head. */
export type LabelKindOf<Choice extends LossChoice | HeadLosses> = Choice extends LossChoice
  ? LossOf<Choice> extends { readonly labelKinds: readonly (infer Kind)[] }
    ? Exclude<Kind & LossLabelKind, 'targets'>
    : never
  : 'targets';

/** The same of a loss that may be left out: then all kinds. */
export type LabelKindOfStated<Choice extends LossChoice | HeadLosses> = LossChoice extends Choice
  ? LossLabelKind
  : LabelKindOf<Choice>;

/** The outputs of models that a chosen loss is for: of one shape, or by the heads' names. */
export type OutputsOf<Choice extends LossChoice | HeadLosses> = Choice extends LossChoice
  ? Shape
  : { readonly [Head in keyof Choice]: Shape };

type LossOf<Choice extends LossChoice> = Choice extends keyof Losses ? Losses[Choice] : Choice;

export function makeLoss(operation: string, given: unknown): Loss {
  if (given instanceof Loss) return given;
  if (isCustomLoss(given)) return new NamedLoss(operation, given);
  if (typeof given === 'object' && given !== null && 'kind' in given && given.kind === HEADS) {
    return readHeadsLoss(operation, given, (each) => makeLoss(operation, each));
  }
  return makeFrom<Loss>(operation, 'loss', given, factories);
}
