/**
 * oxlint plugin: refuses imports that the table of layers.ts does not allow, types included.
 * Judges where an import leads, not how it is written: the path is resolved as Node resolves it.
 */
import { relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { EXCEPTIONS, LAYERS, type Layer } from './layers.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The layer with the longest path that contains `file`, a path from the root. */
export function layerOf(file: string): Layer | undefined {
  const containing = LAYERS.filter(({ path }) => file === path || file.startsWith(`${path}/`));
  return containing.toSorted((one, other) => other.path.length - one.path.length)[0];
}

/** Why `file` may not import `specifier`; undefined when it may. `file` is a path from the root. */
function refusal(file: string, layer: Layer, specifier: string): string | undefined {
  if (!/^(\.|\/|file:)/.test(specifier)) {
    const allowed = layer.packages?.includes(specifier) ?? true;
    return allowed ? undefined : `${layer.path} may not import the package ${specifier}`;
  }
  const target = relative(ROOT, fileURLToPath(new URL(specifier, pathToFileURL(`${ROOT}${file}`))));
  const targetLayer = layerOf(target);
  if (targetLayer === undefined) return `${target} belongs to no layer`;
  if (targetLayer === layer || layer.imports.includes(targetLayer.path)) return undefined;
  if (EXCEPTIONS.some((exception) => exception.file === file && exception.imports === target)) return undefined;
  return `${layer.path} may not import ${targetLayer.path} (${target})`;
}

interface Node {
  readonly type: string;
  readonly value?: unknown;
  readonly source?: Node | null;
}

interface Context {
  readonly filename: string;
  report(problem: { readonly node: Node; readonly message: string }): void;
}

const rule = {
  create(context: Context): Record<string, (node: Node) => void> {
    const file = relative(ROOT, context.filename);
    const layer = layerOf(file);
    const report = (node: Node, reason: string) =>
      context.report({ node, message: `${reason}: the layers are in lint/layers.ts.` });
    if (layer === undefined) return { Program: (node) => report(node, `${file} belongs to no layer`) };
    const check = ({ source }: Node) => {
      if (source === null || source === undefined) return;
      const reason =
        typeof source.value === 'string'
          ? refusal(file, layer, source.value)
          : 'An import names its module by a string literal';
      if (reason !== undefined) report(source, reason);
    };
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
      TSImportType: check,
    };
  },
};

export default { meta: { name: 'layers' }, rules: { 'import-layers': rule } };
