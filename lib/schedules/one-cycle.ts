import { extent, fraction, positive, required, withDefault } from '../core/options.ts';
import { describeSchedule, type Schedule } from './schedule.ts';

export interface OneCycleOptions {
  /** The largest rate. */
  readonly peak: number;
  /** Of the whole run. */
  readonly steps: number;
  /** The share of the steps in which the rate rises. Default: 0.3. */
  readonly riseShare?: number;
  /** The first rate is `peak / startDivisor`. Default: 25. */
  readonly startDivisor?: number;
  /** The last rate is the first one divided by this. Default: 10,000. */
  readonly endDivisor?: number;
}

const OPTIONS = {
  peak: required(positive),
  steps: required(extent),
  riseShare: withDefault(fraction, 0.3),
  startDivisor: withDefault(positive, 25),
  endDivisor: withDefault(positive, 1e4),
};

/** One cycle (Smith, Topin 2018), by the rule of PyTorch's `OneCycleLR`: half a cosine up to the peak, another one down. */
export function oneCycle(options: OneCycleOptions): Schedule {
  return describeSchedule('oneCycle', options, OPTIONS, (o, step) => {
    const first = o.peak / o.startDivisor;
    const last = first / o.endDivisor;
    const top = o.riseShare * o.steps - 1;
    const end = o.steps - 1;
    if (step <= top) return between(first, o.peak, top === 0 ? 1 : step / top);
    return between(o.peak, last, end === top ? 1 : Math.min((step - top) / (end - top), 1));
  });
}

function between(from: number, to: number, share: number): number {
  return to + ((from - to) * (1 + Math.cos(Math.PI * share))) / 2;
}
