/**
 * One line a schedule. The names exported here are also the kinds of descriptions (`make-schedule.ts`).
 */
export {
  type CosineDecayOptions,
  cosineDecay,
  type ExponentialDecayOptions,
  exponentialDecay,
  type MultiStepDecayOptions,
  multiStepDecay,
  type PolynomialDecayOptions,
  polynomialDecay,
  type StepDecayOptions,
  stepDecay,
} from './decay.ts';
export { type OneCycleOptions, oneCycle } from './one-cycle.ts';
export { type WarmUpOptions, warmUp } from './warm-up.ts';
