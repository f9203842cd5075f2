import { isFailure } from '../failures/failure.ts';
import { parseNamespace, UsageError } from './arguments.ts';
import type { TargetOptions } from './kubectl-options.ts';

/** Part of the fleet: `-n`, `-A` and `-l`. */
export interface Selection {
  /** Absent: all. */
  readonly namespace?: string;
  /** A label selector; absent: any labels. */
  readonly selector?: string;
}

/**
 * What `-l` or `--all` selects. A namespace has to be given: the context's would hide most of the fleet without a word.
 * @throws UsageError
 */
export function selectionOf({ selector, all, namespace, allNamespaces }: TargetOptions): Selection {
  // As of an unset variable of a script: the API server takes it for every label.
  if (selector?.trim() === '') throw new UsageError('-l is empty, which would select all; expected labels, or --all');
  if (selector === undefined && all !== true)
    throw new UsageError('no cluster is named; expected the name of one, or -l <labels> or --all with -n or -A');
  if (allNamespaces === true) return { selector };
  if (namespace === undefined)
    throw new UsageError('-l and --all need to know where; expected -n <namespace>, or -A for all namespaces');
  return { selector, namespace: parseNamespace(namespace) };
}

/** A list by `-l` that failed: wrong use where the API server refuses the labels, else the failure as it is. */
export function selectorFailure(error: unknown, selector: string | undefined): unknown {
  if (selector === undefined || !isFailure(error, 'kubernetes/invalid')) return error;
  return new UsageError(
    `-l is "${selector.slice(0, 200)}"; expected labels such as team=payments,tier!=test. ${error.message}`,
  );
}

/** For people: `in namespace ns with labels a=b`. @returns undefined for all. */
export function describeSelection({ namespace, selector }: Selection): string | undefined {
  const parts = [
    ...(namespace === undefined ? [] : [`in namespace ${namespace}`]),
    ...(selector === undefined ? [] : [`with labels ${selector}`]),
  ];
  return parts.length === 0 ? undefined : parts.join(' ');
}
