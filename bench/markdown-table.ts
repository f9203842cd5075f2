/** The tables that benches print, in Markdown, as the documents have them. */

type Cell = number | string;

/** A column: its header, and its cell of an item. */
export type Column<Item> = readonly [string, (item: Item) => Cell];

export function markdownTable(header: readonly Cell[], rows: readonly (readonly Cell[])[]): string {
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** A row for each item. */
export function columnsTable<Item>(columns: readonly Column<Item>[], items: readonly Item[]): string {
  return markdownTable(
    columns.map(([header]) => header),
    items.map((item) => columns.map(([, cell]) => cell(item))),
  );
}

/** A row for each figure: its name and value. */
export function figuresTable(figures: readonly (readonly [string, Cell])[]): string {
  return markdownTable(['figure', 'value'], figures);
}
