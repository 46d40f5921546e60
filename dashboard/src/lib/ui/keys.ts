/** Keys that do something on a whole screen. They are left alone while somebody types, and while a dialog is open. */

export function isFree(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return false;
  const target = event.target instanceof Element ? event.target : null;
  if (target?.closest('input:not([type="checkbox"]), textarea, select, [contenteditable="true"]')) return false;
  return document.querySelector('[role="dialog"], [role="menu"], [role="alertdialog"]') === null;
}
