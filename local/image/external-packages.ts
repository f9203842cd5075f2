/** Which packages the bundled program loads from node_modules. */

/** The Temporal SDK: native code, a thread that it starts by its path, and what both share with the program. */
export function isExternal(name: string): boolean {
  return name.startsWith('@temporalio/');
}
