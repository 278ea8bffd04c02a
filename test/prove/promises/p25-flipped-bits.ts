import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { decodeSafetensors } from '../../../lib/formats/safetensors.ts';
import { adagrad, dense, iris, listCheckpoints, sequential, Trainer } from '../../../lib/index.ts';
import { type PromiseProof, randomIntegers, withFolder } from '../promise.ts';

/** A checkpoint of a net of this width. */
async function checkpointOf(folder: string, units: number): Promise<Uint8Array> {
  const model = sequential({ inputShape: [4], seed: 1 }, [dense({ units }), dense({ units: 3 })]);
  const trainer = new Trainer(model, { optimizer: adagrad(), loss: 'softmaxCrossEntropy', threads: 1 });
  await trainer.fit(await iris(), { maxSteps: 2, checkpoint: { folder: join(folder, String(units)) } });
  const [file] = await listCheckpoints(join(folder, String(units)));
  return readFile(file?.path ?? '');
}

export const flippedBits: PromiseProof = {
  number: 25,
  title: 'every flipped bit of a small checkpoint, and 100,000 of one of 10 MB, are detected',
  prove({ length, seed, tally }) {
    return withFolder(async (folder) => {
      const random = randomIntegers(seed);
      const flip = (file: Uint8Array, bit: number) => {
        const byte = bit >>> 3;
        const mask = 1 << (bit & 7);
        tally.tried();
        file[byte] = (file[byte] as number) ^ mask;
        try {
          decodeSafetensors(file, 'flipped');
          tally.fail(`bit ${bit} of ${8 * file.length}`);
        } catch {
          // Detected.
        }
        file[byte] = (file[byte] as number) ^ mask;
      };

      const small = await checkpointOf(folder, 4);
      for (let bit = 0; bit < 8 * small.length; bit++) flip(small, bit);
      const large = await checkpointOf(folder, length === 'long' ? 156_000 : 2_000);
      const flips = length === 'long' ? 100_000 : 500;
      for (let i = 0; i < flips; i++) {
        flip(large, random(8 * large.length));
        await turn();
      }
      decodeSafetensors(small, 'as it was');
      decodeSafetensors(large, 'as it was');
      return { facts: { smallBytes: small.length, largeBytes: large.length } };
    });
  },
};
