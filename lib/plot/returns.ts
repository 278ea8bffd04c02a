import { GradloomError } from '../core/errors.ts';
import { extent, formatValue, numberThat, optional, readOptions, withDefault } from '../core/options.ts';
import { headed, PLOT_OPTIONS, type PlotOptions } from './options.ts';
import { Plot } from './plot.ts';
import { isNumbers } from './series.ts';
import type { Datum, Spec } from './spec.ts';
import { colorOf, SERIES_COLORS } from './theme.ts';

export interface ReturnsOptions extends PlotOptions {
  /** The mean is over so many episodes. Default: 100. */
  readonly window?: number;
  /** A line that the mean is to reach. */
  readonly goal?: number;
}

const OPTIONS = {
  ...PLOT_OPTIONS,
  window: withDefault(extent, 100),
  goal: optional(numberThat('a finite number', () => true)),
};

/**
 * The returns of an agent, episode by episode, and their mean over the last ones.
 *
 * @example
 * await plot.returns(returns, { goal: 475 }).save('cart-pole.svg');
 */
export function returns(values: ArrayLike<number>, options: ReturnsOptions = {}): Plot {
  const settings = readOptions('returns', options, OPTIONS);
  if (!isNumbers(values)) {
    throw new GradloomError(
      'INVALID_OPTION',
      `returns: values must be a list of at least one number, one an episode, got ${formatValue(values)}`,
    );
  }
  const copy = Float64Array.from(values);
  return new Plot('returns', settings.theme, () => returnsSpec(copy, settings));
}

function returnsSpec(values: Float64Array, settings: ReturnType<typeof readOptions<typeof OPTIONS>>): Spec {
  const { width = 480, height = 280, window, goal } = settings;
  let sum = 0;
  const rows: Datum[] = Array.from(values, (value, i) => {
    sum += value - (i >= window ? (values[i - window] as number) : 0);
    return { episode: i + 1, value, mean: sum / Math.min(i + 1, window) };
  });
  const shown = ['an episode', `mean of the last ${window}`, ...(goal === undefined ? [] : [`goal ${goal}`])];
  const color = (name: string) => ({
    datum: name,
    type: 'nominal',
    scale: { domain: shown, range: [SERIES_COLORS[0], SERIES_COLORS[1], colorOf('muted')] },
    legend: { title: null, symbolType: 'stroke', symbolSize: 500, symbolOpacity: 1 },
  });
  const x = {
    field: 'episode',
    type: 'quantitative',
    scale: { nice: false, zero: false },
    axis: { title: 'episode', grid: false, tickMinStep: 1 },
  };
  const y = (field: string) => ({ field, type: 'quantitative', axis: { title: 'return' } });
  const meanName = `mean of the last ${window}`;
  return {
    ...headed(settings, 'Returns'),
    width,
    height,
    data: { values: rows },
    layer: [
      {
        mark: { type: 'point', filled: true, size: 14, opacity: 0.6 },
        encoding: { x, y: y('value'), color: color('an episode') },
      },
      { mark: { type: 'line', strokeWidth: 2.5 }, encoding: { x, y: y('mean'), color: color(meanName) } },
      ...(goal === undefined ? [] : [goalLine(goal, color(`goal ${goal}`))]),
    ],
  };
}

function goalLine(goal: number, color: object): Spec {
  return {
    data: { values: [{}] },
    mark: { type: 'rule', strokeDash: [6, 4], strokeWidth: 1.5 },
    encoding: { y: { datum: goal }, color },
  };
}
