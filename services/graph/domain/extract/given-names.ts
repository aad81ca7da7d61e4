/**
 * Given names, written down by us: those of English writers from the 17th century to ours, and common ones of their neighbours. The
 * list need not be complete: a person with a title, or one who is said to do what people do, is found without it.
 */
export const GIVEN_NAMES: readonly string[] = `
Aaron Abigail Abraham Adam Adrian Agnes Ahmed Aisha Alan Albert Alec Alejandro Alex Alexander Alexandra Alexei Alfred Ali Alice Alison
Allison Amanda Amelia Amina Amir Amy Ana Andrea Andreas Andrew Andy Angela Anil Anita Ann Anna Anne Annie Anthony Anton Antonio Anya
Archibald Arjun Arnold Arthur Astrid Audrey Augustus Aurora Ava Balthasar Barbara Barnaby Barry Bartholomew Beatrice Ben Benedict
Benjamin Bernard Bess Besse Betsy Betty Beth Birgit Bjorn Björn Boris Brendan Brian Bridget Bruce Bruno Camille Carl Carla Carlos
Carmen Carol Caroline Caterina Catherine Cecilia Charles Charlie Charlotte Chloe Chloé Chris Christina Christine Christopher Claire
Clara Clarissa Claude Claudia Clement Colin Connor Constance Cornelius Craig Cynthia Daniel Danielle Dave David Deborah Denis Dennis
Derek Diana Diego Dmitri Dmitry Dolores Dominic Donald Dora Doris Dorothea Dorothy Douglas Duncan Edgar Edith Edmund Eduardo Edward
Edwin Eileen Elaine Eleanor Elena Eliezer Elijah Elin Elinor Eliot Elisabeth Eliza Elizabeth Ella Ellen Ellie Elsa Emily Emma Emmanuel
Enrique Erasmus Eric Erica Erik Erika Ernest Esther Ethan Eugene Eva Evan Eve Evelyn Ezra Fabian Farid Fatima Felicity Felix Fernando
Fiona Florence Fatou Frances Francesca Francesco Francis Francisco Franz Fred Frederick Frida Friedrich Fritz Gabriel Gabriela
Gareth Gary Gavin Geoffrey George Georgia Gerald Gertrude Giles Giovanni Giulia Gordon Graham Greta Guido Gunnar Gustav Guy Hamish
Hannah Hans Harold Harriet Harry Hasan Heather Heinrich Helen Helena Helga Henri Henrietta Henrik Henry Herbert Hermione Hester
Hilary Hiroshi Horace Howard Hugh Hugo Humphrey Ian Ibrahim Ida Igor Ines Ingrid Irene Irina Isaac Isabel Isabella Ivan Jack Jacob
Jacques Jake James Jamie Jan Jane Janet Jason Javier Jean Jeffrey Jem Jemima Jemimah Jenny Jennifer Jeremiah Jeremy Jerome Jessica
Jill Jim Jimmy Joan Joanna Joe Joel Johan Johann Johanna John Johnny Jon Jonas Jonathan Jordan Jorge José Josef Joseph Josephine Joshua
Josiah Joyce Juan Judith Judy Julia Julian Julie Juliet Julius Justin Kai Karen Karin Karl Kate Katherine Kathleen Katie Kazuo Keith
Kenji Kenneth Kevin Khalid Kim Klaus Kristina Kwame Lars Laura Lauren Laurence Lawrence Leah Leila Leo Leon Leonard Leonardo Leopold
Lettice Lewis Liam Lily Linda Lisa Liz Lorenzo Louis Ludwig Louisa Louise Lucas Lucia Lucius Lucy Luis Luke Lydia Magdalena Maggie Magnus
Malcolm Manuel Marco Marcus Margaret Maria Marianne Marie Marina Mario Marjorie Marta Martha Martin Mary Mateo Matilda Matt Matthew
Maurice Maximilian Megan Mehmet Mei Melissa Mercy Meredith Michael Michel Michelle Miguel Mike Mildred Miles Minnie Miriam Mohamed
Mohammed Moll Molly Monica Monika Morgan Moses Muhammad Nadia Nan Nancy Naomi Natalia Natalie Natasha Nathan Nathaniel Ned Neil Nell
Niamh Nicholas Nick Nicola Nicole Nigel Nikolai Nina Noah Noel Nora Nuala Olga Oliver Olivia Omar Oscar Oskar Otto Owen Pablo Pall
Pamela Patricia Patrick Paul Paula Pauline Pedro Peg Pegg Peggy Penelope Percy Peter Petra Phil Philip Phillip Philippa Phoebe Pierre
Polly Prudence Priya Rachel Rafael Rahul Ralph Ramesh Raphael Rebecca Reginald René Ricardo Richard Rick Robert Roberto Roger Roland
Roman Ronald Rosa Rosalind Rosemary Rowland Roy Rudolf Rupert Ruth Ryan Sally Salvador Sam Samantha Samir Samuel Sandra Sanjay Sara
Sarah Sasha Scott Sean Sebastian Selma Serena Sergei Seth Shane Sharon Sheila Shirley Sidney Sigrid Silas Simon Simone Siobhan Sofia Sofie
Solomon Sonia Sophia Sophie Stanley Stefan Stella Stephanie Stephen Steve Steven Stuart Susan Susanna Susannah Suzanne Sven Svetlana
Sylvia Tamar Tania Tara Tatiana Ted Teresa Terence Theodora Theodore Theophila Theresa Thomas Tim Timothy Toby Tobias Tom Tommy Tony
Tracy Tristan Ursula Valentina Valeria Vanessa Vera Veronica Victoria Vikram Vincent Viola Virginia Vladimir Walter Wanda Warren
Wendy Wilfred Wilhelm William Winifred Winston Xavier Yasmin Yolanda Yuki Yuri Yusuf Yvonne Zachary Zainab Zara Zoe Zoë Zofia
`
  .trim()
  .split(/\s+/);

/** Given names that begin sentences as ordinary words, or are such within them more often than not: alone they prove little. */
export const AMBIGUOUS_GIVEN_NAMES: readonly string[] = `
Will Mark Grace Rose Bill Frank Grant Hope Faith Joy Drew Chase Pat Rob Bob Sue Ray Dick Max Dawn Dale Glen Heath Reed Gene Herb Norm
Ruby Jade Crystal Iris Violet Daisy Olive Basil Ivy Holly Hazel Amber Pearl Jasmine Melody Robin Christian Angel Victor Wade
Sandy Cliff Art Penny Patience Charity
`
  .trim()
  .split(/\s+/);

/** Given names cut short by a full stop, which therefore ends no sentence, and what they stand for. */
export const SHORT_GIVEN_NAMES: ReadonlyMap<string, string> = new Map([
  ["Wm", "william"],
  ["Thos", "thomas"],
  ["Tho", "thomas"],
  ["Geo", "george"],
  ["Jas", "james"],
  ["Jno", "john"],
  ["Chas", "charles"],
  ["Rob", "robert"],
  ["Robt", "robert"],
  ["Edw", "edward"],
  ["Hen", "henry"],
  ["Ph", "philip"],
  ["Nath", "nathaniel"],
  ["Saml", "samuel"],
  ["Benj", "benjamin"],
  ["Jos", "joseph"],
  ["The", "theophila"],
  ["Bab", "barbara"],
  ["Deb", "deborah"],
]);

/** The name that an initial stands for unless more is said: of each letter, the one that is far more common than the rest. */
export const NAME_OF_INITIAL: ReadonlyMap<string, string> = new Map([
  ["william", "w."],
  ["will", "w."],
  ["john", "j."],
  ["thomas", "t."],
  ["tom", "t."],
  ["george", "g."],
  ["edward", "e."],
  ["ned", "e."],
  ["henry", "h."],
  ["charles", "c."],
  ["samuel", "s."],
]);
