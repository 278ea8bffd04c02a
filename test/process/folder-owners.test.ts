/** A folder of checkpoints has one run at a time, of any process or Worker, and is free as soon as that has gone, in whatever way. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { listCheckpoints, Trainer } from '../../lib/index.ts';
import { checkError } from '../api/errors.ts';
import { irisTrainer } from './programs/nets.ts';

const OWNER = new URL('programs/folder-owner.mjs', import.meta.url);
const STEPS = 40;

async function newFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gradloom-owners-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

async function contentsOf(folder: string) {
  const names = (await readdir(folder)).sort();
  return Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))]));
}

async function checkBusy(t: ExecutionContext, folder: string): Promise<void> {
  const { trainer, train } = await irisTrainer();
  const [before, weights] = [await contentsOf(folder), trainer.model.getWeights()];
  const text = `another run, of this process or another one, writes to ${folder}; wait for its end, or give another folder`;
  await checkError(t, 'FOLDER_BUSY', [
    () => trainer.fit(train, { checkpoint: { folder } }),
    `fit: checkpoint: ${text}`,
  ]);
  await checkError(t, 'FOLDER_BUSY', [
    () => Trainer.resume(folder, train),
    `Trainer.resume: checkpoint: ${text}`,
  ]);
  t.deepEqual(await contentsOf(folder), before);
  t.deepEqual(trainer.model.getWeights(), weights);
}

/** The run goes on at once, with the bits that it would have had without an end. */
async function checkFree(t: ExecutionContext, folder: string): Promise<void> {
  const reference = await irisTrainer();
  await reference.trainer.fit(reference.train, { epochs: STEPS, maxSteps: STEPS });
  const [latest] = await listCheckpoints(folder);
  const maxSteps = STEPS - (latest?.steps ?? STEPS);
  const { trainer, run } = await Trainer.resume(folder, reference.train, { maxSteps });
  t.is((await run).reason, 'maxSteps');
  t.deepEqual(trainer.model.getWeights(), reference.model.getWeights());
}

test.serial(
  'a process has its folder until it is killed, not for longer if a child of it lives on',
  async (t) => {
    const folder = await newFolder(t);
    const owner = spawn(process.execPath, [fileURLToPath(OWNER), folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(owner.stdout.setEncoding('utf8'), 'data');
    const child = Number(/^owns (\d+)\n$/.exec(line)?.[1]);
    t.teardown(() => process.kill(child));
    await checkBusy(t, folder);
    const exit = once(owner, 'exit');
    owner.kill('SIGKILL');
    t.deepEqual(await exit, [null, 'SIGKILL']);
    t.true(process.kill(child, 0));
    await checkFree(t, folder);
  },
);

test.serial('a Worker has its folder until it is terminated', async (t) => {
  const folder = await newFolder(t);
  for (const trackUnmanagedFds of [true, false]) {
    const own = join(folder, String(trackUnmanagedFds));
    const owner = new Worker(OWNER, { workerData: { folder: own }, trackUnmanagedFds });
    t.deepEqual(await once(owner, 'message'), ['owns']);
    await checkBusy(t, own);
    await owner.terminate();
    await checkFree(t, own);
  }
});
