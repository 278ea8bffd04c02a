/**
 * `simd.ts [other]` prints which instruction set kernels are for and what a small model makes of ones, or the error's code and text; with
 * `other` also what threads say that inherit GRADLOOM_SIMD and that have this in its place, and what is true behind them.
 */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

async function say(): Promise<object> {
  try {
    const { dense, info, sequential } = await import('../../../lib/index.ts');
    const layers = [dense({ units: 70, activation: 'relu' }), dense({ units: 1 })] as const;
    const model = sequential({ inputShape: [40], seed: 1 }, layers);
    const [y] = model.predictSync(new Float32Array(40).fill(1)).data;
    return { simdTarget: info().simdTarget, y };
  } catch (error) {
    const { code, message } = error as { readonly code: string; readonly message: string };
    return { code, message };
  }
}

async function askThread(env: NodeJS.ProcessEnv): Promise<object> {
  const worker = new Worker(new URL(import.meta.url), { env });
  const [said] = await once(worker, 'message');
  return said;
}

if (isMainThread) {
  const [other] = process.argv.slice(2);
  const said = [await say()];
  if (other !== undefined) {
    said.push(
      await askThread(process.env),
      await askThread({ ...process.env, GRADLOOM_SIMD: other }),
      await say(),
    );
  }
  console.log(JSON.stringify(said));
} else {
  parentPort?.postMessage(await say());
}
