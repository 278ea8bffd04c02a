import { makeFrom } from '../core/description.ts';
import { isCustomLoss, NamedLoss } from './custom-loss.ts';
import * as factories from './index.ts';
import { Loss } from './loss.ts';

type Losses = { readonly [Kind in keyof typeof factories]: ReturnType<(typeof factories)[Kind]> };

/** A loss by its name, `'meanSquaredError'`, or as made by its function, `meanSquaredError()`. */
export type LossChoice = keyof Losses | Loss;

/** The kinds of labels that a chosen loss takes. */
export type LabelKindOf<Choice extends LossChoice> = LossOf<Choice>['labelKinds'][number];

type LossOf<Choice extends LossChoice> = Choice extends keyof Losses ? Losses[Choice] : Choice & Loss;

export function makeLoss(operation: string, given: unknown): Loss {
  if (given instanceof Loss) return given;
  if (isCustomLoss(given)) return new NamedLoss(operation, given);
  return makeFrom<Loss>(operation, 'loss', given, factories);
}
