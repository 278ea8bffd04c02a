import { GradloomError } from '../core/errors.ts';
import {
  anything,
  formatValue,
  integer,
  optional,
  positive,
  readOptions,
  withDefault,
} from '../core/options.ts';
import { fromTexts } from '../datasets/arrays/from-texts.ts';
import { isList } from '../datasets/values/copies.ts';
import { dense, embeddingBag, sparseDense } from '../layers/index.ts';
import { softmaxCrossEntropy } from '../losses/index.ts';
import { sequential } from '../models/index.ts';
import { adagrad } from '../optimizers/index.ts';
import { TFIDF_OPTIONS, tfidfVectorizer } from '../text/tfidf-vectorizer.ts';
import { checkTexts, type Vectorizer } from '../text/vectorizer.ts';
import { Trainer } from '../trainers/index.ts';
import { fitInUnit } from './fitting.ts';
import { FITTING_OPTIONS, type Fitted, type FittingOptions, unitsFor } from './linear.ts';
import { rareFeatureAdagrad } from './rare-features.ts';

export interface TextClassifierOptions extends FittingOptions {
  /**
   * Default: `tfidfVectorizer(texts, { ngrams: [1, 2], minDocuments, sublinear: true })` with `minDocuments` 1, or 2 for more than
   * 4,194,304 characters, which have so many tokens that a single text has that the model would be several times as large.
   */
  readonly vectorizer?: Vectorizer;
  /**
   * 0: a logistic regression on the tokens. More: a vector of so many numbers for each token, whose weighted sum a second layer reads
   * (A. Joulin et al., "Bag of tricks for efficient text classification", 2017), for large sets of texts. Default: 0.
   */
  readonly units?: number;
  /** Of AdaGrad. Default: 0.4, over the root mean square of the vectorizer's values where that is above 1; with `units` 0.2. */
  readonly learningRate?: number;
}

const OPTIONS = {
  vectorizer: optional(anything('a vectorizer')),
  units: withDefault(integer(0), 0),
  ...FITTING_OPTIONS,
  learningRate: optional(positive),
};

/** What one text alone says helps where there is little text; where there is much, such tokens are most of all. */
function leastDocuments(texts: readonly string[]): number {
  const characters = texts.reduce((sum, { length }) => sum + length, 0);
  return characters > 2 ** 22 ? 2 : 1;
}

/** Options of the vectorizer, which are asked for here, too. */
function checkPlaces(options: unknown): void {
  if (typeof options !== 'object' || options === null) return;
  const place = Object.keys(options).find((name) => Object.hasOwn(TFIDF_OPTIONS, name));
  if (place === undefined) return;
  throw new GradloomError(
    'INVALID_OPTION',
    `textClassifier: ${place} is an option of vectorizers; give { vectorizer: tfidfVectorizer(texts, { ${place}: ... }) }`,
  );
}

/** Before texts are split, which takes most of the time. */
function checkPairs(texts: unknown, labels: unknown): void {
  const { length } = checkTexts('textClassifier', texts);
  if (length === 0) throw new GradloomError('INVALID_DATA', 'textClassifier: there are no texts');
  if (!isList(labels) || labels.length !== length) {
    throw new GradloomError(
      'INVALID_DATA',
      `textClassifier: labels must be a list of ${length}, one a text, got ${formatValue(labels)}`,
    );
  }
  const [first, ...others] = Array.from(labels);
  if (typeof first !== 'string' || others.some((label) => label !== first)) return;
  throw new GradloomError(
    'INVALID_DATA',
    `textClassifier: all texts are of the class ${formatValue(first)}; a classifier needs texts of at least two`,
  );
}

/**
 * A classifier of texts, trained in one call. The model keeps the vectorizer: `model.classify(texts)`, also after `save` and
 * `loadModel`.
 *
 * @example
 * const { model } = await textClassifier(texts, labels);
 * const { names } = await model.classify(['Win a free prize now']);
 *
 * Throws `INVALID_DATA` for labels that do not fit the texts, or are all of one class.
 */
export async function textClassifier(
  texts: readonly string[],
  labels: readonly string[],
  options: TextClassifierOptions = {},
): Promise<Fitted<readonly [number]>> {
  checkPlaces(options);
  const { units, vectorizer, ...settings } = readOptions('textClassifier', options, OPTIONS);
  checkPairs(texts, labels);
  const words =
    vectorizer !== undefined
      ? (vectorizer as Vectorizer)
      : tfidfVectorizer(texts, { ngrams: [1, 2], minDocuments: leastDocuments(texts), sublinear: true });
  const train = fromTexts({ texts, vectorizer: words, labels });
  const { epochs, batchSize, learningRate, seed, threads, dtype, signal, onEpoch } = settings;
  const classes = unitsFor(train);
  const linear = units === 0;
  const layers = linear
    ? [sparseDense({ units: classes, weightInitializer: 'zeros', dtype })]
    : [embeddingBag({ units, pooling: 'sum', dtype }), dense({ units: classes })];
  const model = sequential({ inputShape: train.inputShape, seed }, layers);
  const trainer = new Trainer(model, {
    optimizer: linear
      ? rareFeatureAdagrad(train, { learningRate, batchSize })
      : adagrad({ learningRate: learningRate ?? 0.2 }),
    // Of two classes it would cost probabilities more than it is worth.
    loss: softmaxCrossEntropy({ labelSmoothing: linear && classes > 2 ? 0.03 : 0 }),
    seed,
    threads,
  });
  const losses = await fitInUnit(trainer, train, { epochs, batchSize, signal, onEpoch });
  return Object.freeze({ model, losses });
}
