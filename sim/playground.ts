export async function playground(_o: { hosts: number; listen: string }): Promise<void> {}
