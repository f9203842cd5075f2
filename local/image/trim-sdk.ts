/** Has the Temporal SDK take less memory: `node local/image/trim-sdk.ts`, in the folder of package.json. */
import { loadGrpcLate } from './load-grpc-late.ts';
import { trimDefinitions } from './trim-definitions.ts';

/** @param nodeModules folder in which the SDK is. @throws Error where a module of the SDK is another than expected. */
export function trimSdk(nodeModules: string): void {
  trimDefinitions(nodeModules);
  loadGrpcLate(nodeModules);
}

if (import.meta.main) {
  trimSdk('node_modules');
  process.stdout.write('trimmed the Temporal SDK\n');
}
