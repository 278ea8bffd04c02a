/** A folder of pictures by class: trained on, evaluated, predicted. Needs sharp, which is a development dependency. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import sharp from 'sharp';
import { gradloom, makeFolder } from './command.ts';

test('a folder with a folder for each class', async (t) => {
  const folder = await makeFolder(t);
  for (const [name, red, blue] of [
    ['sunset', 220, 40],
    ['sea', 30, 200],
  ] as const) {
    await mkdir(join(folder, 'pictures', name), { recursive: true });
    for (let i = 0; i < 10; i++) {
      const background = { r: red - i, g: 60 + i, b: blue + i };
      const picture = sharp({ create: { width: 20, height: 16, channels: 3, background } });
      await picture.png().toFile(join(folder, 'pictures', name, `${i}.png`));
    }
  }
  const trained = await gradloom(
    folder,
    'train',
    'pictures',
    '--size',
    '8x8',
    '--epochs',
    '10',
    '--validation',
    '0.3',
  );
  t.is(trained.code, 0, trained.stderr);
  t.regex(trained.stdout, /20 pictures of shape \[8, 8, 3\]/);
  t.regex(trained.stdout, /cnn, 8x8x3 -> conv 16/);
  t.regex(trained.stdout, /accuracy 1\.0000/);
  const one = await gradloom(folder, 'predict', 'model.safetensors', 'pictures/sea/3.png');
  t.regex(one.stdout, /^file,prediction,probability\npictures\/sea\/3\.png,sea,/);
  const all = await gradloom(folder, 'evaluate', 'model.safetensors', 'pictures', '--json');
  t.is(JSON.parse(all.stdout).accuracy, 1);
  await writeFile(join(folder, 'pictures', 'sea', 'notes.txt'), 'blue');
  const others = await gradloom(folder, 'evaluate', 'model.safetensors', 'pictures', '--json');
  t.is(others.stdout, all.stdout);
  t.regex(others.stderr, /^gradloom: .*left out 1 of 21 files: pictures\/sea\/notes\.txt: cannot be decoded/);
  t.is((await gradloom(folder, 'train', 'pictures', '--missing', 'error')).code, 3);
  await writeStrays(join(folder, 'pictures'));
  const strayed = await gradloom(folder, 'predict', 'model.safetensors', 'pictures');
  t.is(strayed.code, 0, strayed.stderr);
  t.deepEqual(
    strayed.stdout
      .split('\n')
      .slice(1, -1)
      .map((line) => line.split(',').slice(0, 2).join()),
    ['sea', 'sunset'].flatMap((name) =>
      Array.from({ length: 10 }, (_, i) => `pictures/${name}/${i}.png,${name}`),
    ),
  );
  t.regex(
    strayed.stderr,
    /^gradloom: predict: "pictures": left out 3 of 23 files: pictures\/README: .* pictures\/sea\/half\.png: .* and pictures\/sea\/notes\.txt: /,
  );
  const half = await gradloom(folder, 'predict', 'model.safetensors', 'pictures/sea/half.png');
  t.is(half.code, 3);
  t.regex(half.stderr, /^gradloom: pictures\/sea\/half\.png: cannot be decoded as a picture/);
  const target = await gradloom(folder, 'train', 'pictures', '--target', 'x');
  t.is(target.code, 2);
  t.regex(target.stderr, /is a folder, whose folders are the classes; leave --target out/);
});

/** What lies in folders beside pictures, and half a picture. */
async function writeStrays(folder: string): Promise<void> {
  await writeFile(join(folder, 'README'), 'pictures');
  await writeFile(join(folder, 'sea', '.DS_Store'), 'hidden');
  await mkdir(join(folder, '.git'));
  await writeFile(join(folder, '.git', 'config'), 'hidden');
  const picture = await readFile(join(folder, 'sea', '0.png'));
  await writeFile(join(folder, 'sea', 'half.png'), picture.subarray(0, picture.length / 2));
}
