/** Times a step that JavaScript calls one by one. */
const WARM_UP_SECONDS = 0.7;
const WINDOWS = 3;

export interface StepTiming {
  /** The median over windows. */
  readonly msPerStep: number;
  /** (slowest - fastest window) / median. */
  readonly spread: number;
  readonly steps: number;
}

export function timeSteps(step: () => void, windowSeconds: number): StepTiming {
  let steps = 0;
  const run = (seconds: number) => {
    const start = performance.now();
    let count = 0;
    do {
      step();
      count++;
    } while (performance.now() - start < seconds * 1000);
    steps += count;
    return (performance.now() - start) / count;
  };
  run(WARM_UP_SECONDS);
  const windows = Array.from({ length: WINDOWS }, () => run(windowSeconds)).sort((a, b) => a - b);
  const [fastest = 0, msPerStep = 0, slowest = 0] = windows;
  return { msPerStep, spread: (slowest - fastest) / msPerStep, steps };
}
