import { extent, listThat, nonNegative, positive, required, withDefault } from '../core/options.ts';
import { describeSchedule, type Schedule } from './schedule.ts';

/** The rate of the first step. */
const from = required(nonNegative);

export interface StepDecayOptions {
  /** The rate of the first step. */
  readonly from: number;
  /** Steps from one change to the next. */
  readonly every: number;
  /** Default: 0.1. */
  readonly factor?: number;
}

const STEP = { from, every: required(extent), factor: withDefault(nonNegative, 0.1) };

/** `from * factor^floor(step / every)`. */
export function stepDecay(options: StepDecayOptions): Schedule {
  return describeSchedule(
    'stepDecay',
    options,
    STEP,
    (o, step) => o.from * o.factor ** Math.floor(step / o.every),
  );
}

export interface MultiStepDecayOptions {
  /** The rate of the first step. */
  readonly from: number;
  /** The steps at which the rate is multiplied. */
  readonly milestones: readonly number[];
  /** Default: 0.1. */
  readonly factor?: number;
}

const MULTI_STEP = {
  from,
  milestones: required(listThat('a list of steps, such as [1000, 2000]', extent)),
  factor: withDefault(nonNegative, 0.1),
};

/** `from * factor^n`, `n` the number of milestones reached. */
export function multiStepDecay(options: MultiStepDecayOptions): Schedule {
  return describeSchedule('multiStepDecay', options, MULTI_STEP, (o, step) => {
    return o.from * o.factor ** o.milestones.filter((milestone) => milestone <= step).length;
  });
}

export interface ExponentialDecayOptions {
  /** The rate of the first step. */
  readonly from: number;
  /** What the rate is multiplied with over `every` steps. */
  readonly factor: number;
  /** Default: 1. */
  readonly every?: number;
}

const EXPONENTIAL = { from, factor: required(positive), every: withDefault(extent, 1) };

/** `from * factor^(step / every)`. */
export function exponentialDecay(options: ExponentialDecayOptions): Schedule {
  return describeSchedule(
    'exponentialDecay',
    options,
    EXPONENTIAL,
    (o, step) => o.from * o.factor ** (step / o.every),
  );
}

export interface SpanOptions {
  /** The rate of the first step. */
  readonly from: number;
  /** The rate after `steps`, which then stays. Default: 0. */
  readonly to?: number;
  readonly steps: number;
}

const SPAN = { from, to: withDefault(nonNegative, 0), steps: required(extent) };

export interface PolynomialDecayOptions extends SpanOptions {
  /** 1: a straight line. Default: 1. */
  readonly power?: number;
}

/** `to + (from - to) * (1 - step / steps)^power`. */
export function polynomialDecay(options: PolynomialDecayOptions): Schedule {
  const table = { ...SPAN, power: withDefault(positive, 1) };
  return describeSchedule('polynomialDecay', options, table, (o, step) => {
    return o.to + (o.from - o.to) * (1 - Math.min(step / o.steps, 1)) ** o.power;
  });
}

export type CosineDecayOptions = SpanOptions;

/** Half a cosine: `to + (from - to) * (1 + cos(pi * step / steps)) / 2`. */
export function cosineDecay(options: CosineDecayOptions): Schedule {
  return describeSchedule('cosineDecay', options, SPAN, (o, step) => {
    return o.to + ((o.from - o.to) * (1 + Math.cos(Math.PI * Math.min(step / o.steps, 1)))) / 2;
  });
}
