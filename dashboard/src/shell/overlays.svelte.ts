/** What lies over the page: the palette, the list of shortcuts, or the form that starts a run. One at a time. */
class Overlays {
  open = $state<'palette' | 'shortcuts' | 'start' | null>(null);
  /** Of which workflow a run is to be started. */
  workflow = $state('');

  toggle(which: 'palette' | 'shortcuts'): void {
    this.open = this.open === which ? null : which;
  }

  start(workflow: string): void {
    this.workflow = workflow;
    this.open = 'start';
  }
}

export const overlays = new Overlays();
