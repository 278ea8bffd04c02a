/** Times steps and calls that JavaScript makes one by one. */
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
  const run = (seconds: number): Window => {
    const start = performance.now();
    let steps = 0;
    do {
      step();
      steps++;
    } while (performance.now() - start < seconds * 1000);
    return { steps, ms: performance.now() - start };
  };
  return summarize([WARM_UP_SECONDS, ...Array<number>(WINDOWS).fill(windowSeconds)].map(run));
}

/** The same for calls that are awaited, one after another. */
export async function timeCalls(call: () => Promise<unknown>, windowSeconds: number): Promise<StepTiming> {
  const windows: Window[] = [];
  for (const seconds of [WARM_UP_SECONDS, ...Array<number>(WINDOWS).fill(windowSeconds)]) {
    const start = performance.now();
    let steps = 0;
    do {
      await call();
      steps++;
    } while (performance.now() - start < seconds * 1000);
    windows.push({ steps, ms: performance.now() - start });
  }
  return summarize(windows);
}

interface Window {
  readonly steps: number;
  readonly ms: number;
}

/** The first window warms up. */
function summarize(windows: readonly Window[]): StepTiming {
  const times = windows
    .slice(1)
    .map(({ steps, ms }) => ms / steps)
    .sort((a, b) => a - b);
  const [fastest = 0, msPerStep = 0, slowest = 0] = times;
  return {
    msPerStep,
    spread: (slowest - fastest) / msPerStep,
    steps: windows.reduce((sum, { steps }) => sum + steps, 0),
  };
}
