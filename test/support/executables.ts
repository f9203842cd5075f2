export async function temporalExecutable(): Promise<string> {
  return process.env['TEMPORAL_EXE']!;
}
export async function timeSkippingServerExecutable(): Promise<string> {
  return process.env['TSS_EXE']!;
}
