/** Queries of visibility that the documents give to users. */
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../../', import.meta.url);
const PAGE = new URL('docs/web-ui.md', ROOT);
const SECTION = /^## Views to save\n([^]*?)^## /m;
const COMMAND_QUERY = /temporal workflow .*--query '([^'…]+)'/g;
const ROW = /^\| (?<name>.+?) \| (?<queries>.*`.*) \|$/gm;

/** A row of the table of views. */
export interface SavedView {
  readonly name: string;
  readonly queries: readonly string[];
}

/** The views of docs/web-ui.md. A part to add to a query, which begins with AND, is added to one of all clusters. */
export function readSavedViews(): readonly SavedView[] {
  const section = SECTION.exec(`${readFileSync(PAGE, 'utf8')}\n## `)?.[1] ?? '';
  return [...section.matchAll(ROW)].map(({ groups: { name = '', queries = '' } = {} }) => ({
    name,
    queries: [...queries.matchAll(/`([^`]+)`/g)].map(([, query = '']) =>
      query.startsWith('AND ') ? `WorkflowType = "clusterCertificates" ${query}` : query,
    ),
  }));
}

/** The queries of `temporal workflow` commands in all documents, with a name where the document has a placeholder. */
export function readCommandQueries(): readonly string[] {
  return globSync(['*.md', 'docs/**/*.md'], { cwd: fileURLToPath(ROOT) }).flatMap((document) =>
    [...readFileSync(new URL(document, ROOT), 'utf8').matchAll(COMMAND_QUERY)].map(([, query = '']) =>
      query.replaceAll(/<[^>"]+>/g, 'name'),
    ),
  );
}
