import { GradloomError } from '../core/errors.ts';
import { formatValue, guardedBy, optional, readOptions } from '../core/options.ts';
import { headed, PLOT_OPTIONS, type PlotOptions } from './options.ts';
import { Plot } from './plot.ts';
import type { Datum, Spec } from './spec.ts';
import { colorOf, SERIES_COLORS } from './theme.ts';

export interface ConfusionMatrixPlotOptions extends PlotOptions {
  /** Default: the numbers from 0. */
  readonly classNames?: readonly string[] | undefined;
}

const names = guardedBy(
  'an array of strings, one a class',
  (given): given is readonly string[] =>
    Array.isArray(given) && [...given].every((name) => typeof name === 'string'),
);

const OPTIONS = { ...PLOT_OPTIONS, classNames: optional(names) };

/** Beyond this a cell has no room for its number. */
const MAX_WRITTEN = 25;

const MAX_OPACITY = 0.8;

/**
 * What the metric `confusionMatrix` gives, `matrix[label][prediction]`: a cell is as dark as its share of its label's
 * samples, and shows the number that was given.
 *
 * @example
 * const { confusionMatrix } = await model.evaluate(test, { metrics: ['confusionMatrix'] });
 * await plot.confusionMatrix(confusionMatrix, { classNames: test.classNames }).save('confusion.svg');
 *
 * Throws `INVALID_OPTION` for what is no square of numbers of at least 0, or names that are not one a class.
 */
export function confusionMatrix(
  matrix: readonly (readonly number[])[],
  options: ConfusionMatrixPlotOptions = {},
): Plot {
  const { classNames, ...settings } = readOptions('confusionMatrix', options, OPTIONS);
  checkSquare(matrix);
  const classes = classNames ?? matrix.map((_, index) => `${index}`);
  if (classes.length !== matrix.length) {
    throw new GradloomError(
      'INVALID_OPTION',
      `confusionMatrix: classNames has ${classes.length} names for ${matrix.length} classes`,
    );
  }
  return new Plot('confusionMatrix', settings.theme, () => matrixSpec(matrix, classes, settings));
}

function checkSquare(given: unknown): void {
  const isSquare =
    Array.isArray(given) &&
    given.length > 0 &&
    [...given].every(
      (row) =>
        Array.isArray(row) && row.length === given.length && row.every((n) => Number.isFinite(n) && n >= 0),
    );
  if (isSquare) return;
  throw new GradloomError(
    'INVALID_OPTION',
    `confusionMatrix: matrix must be a square of numbers of at least 0, one row a label, got ${formatValue(given)}`,
  );
}

function matrixSpec(
  matrix: readonly (readonly number[])[],
  classes: readonly string[],
  settings: ReturnType<typeof readOptions<typeof PLOT_OPTIONS>>,
): Spec {
  const side = Math.max(220, Math.min(44 * classes.length, 480));
  const { width = side, height = side } = settings;
  const isCounts = matrix.flat().every(Number.isInteger);
  const values: Datum[] = matrix.flatMap((row, label) => {
    const total = row.reduce((sum, n) => sum + n, 0);
    return row.map((n, prediction) => ({
      label: classes[label] as string,
      prediction: classes[prediction] as string,
      share: total > 0 ? n / total : 0,
      text: n === 0 ? '' : isCounts ? `${n}` : n.toFixed(2),
    }));
  });
  const areLong = classes.some((name) => name.length > 3);
  const axis = { domain: false, ticks: false, labelLimit: 120 };
  const isWritten = classes.length <= MAX_WRITTEN;
  const cells = {
    mark: { type: 'rect', color: SERIES_COLORS[0], stroke: colorOf('grid'), strokeWidth: 1 },
    encoding: {
      fillOpacity: {
        field: 'share',
        type: 'quantitative',
        // Numbers in the page's colour of text can be read on the fullest cell, too.
        scale: { domain: [0, 1], range: [0, MAX_OPACITY] },
        legend: isWritten ? null : { title: 'share of label', format: '.0%' },
      },
    },
  };
  const numbers = {
    mark: { type: 'text', fontSize: classes.length > 16 ? 9 : 11 },
    encoding: {
      text: { field: 'text' },
      color: { value: colorOf('text') },
    },
  };
  return {
    ...headed(settings, 'Confusion matrix'),
    width,
    height,
    data: { values },
    encoding: {
      x: {
        field: 'prediction',
        type: 'nominal',
        sort: classes,
        axis: { ...axis, title: 'predicted class', labelAngle: areLong ? -40 : 0 },
      },
      y: { field: 'label', type: 'nominal', sort: classes, axis: { ...axis, title: 'true class' } },
    },
    layer: isWritten ? [cells, numbers] : [cells],
  };
}
