/** Pieces of a page. Every text from outside goes through `escapeText`. */

/** Ready to stand in a page. */
export interface Html {
  readonly html: string;
}

export function escapeText(text: string): string {
  const names: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => names[character] as string);
}

/** Pieces put together; strings among the values are escaped. */
export function html(
  parts: TemplateStringsArray,
  ...values: readonly (Html | string | number | readonly Html[])[]
): Html {
  const texts = values.map((value) => {
    if (typeof value === 'string') return escapeText(value);
    if (typeof value === 'number') return `${value}`;
    return 'html' in value ? value.html : value.map((each) => each.html).join('');
  });
  return { html: parts.map((part, i) => part + (texts[i] ?? '')).join('') };
}

/** Text that is HTML already, such as a drawn SVG. */
export function raw(text: string): Html {
  return { html: text };
}

export function section(title: string, ...content: readonly Html[]): Html {
  return html`<section><h2>${title}</h2>${content}</section>\n`;
}

/** Names and values, a row each. */
export function factTable(facts: readonly (readonly [name: string, value: string | number])[]): Html {
  const rows = facts.map(([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>`);
  return html`<table class="facts"><tbody>${rows}</tbody></table>`;
}

/** `numbers` names the columns that are aligned at their right. */
export function table(
  heads: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  numbers: readonly number[] = [],
): Html {
  const align = (column: number) => raw(numbers.includes(column) ? ' class="number"' : '');
  const head = heads.map((text, column) => html`<th scope="col"${align(column)}>${text}</th>`);
  const body = rows.map(
    (row) => html`<tr>${row.map((cell, column) => html`<td${align(column)}>${cell}</td>`)}</tr>`,
  );
  return html`<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}
